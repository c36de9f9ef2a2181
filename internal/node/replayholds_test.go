package node_test

import (
	"net/http"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/replay"
	"nems/internal/webhook"
)

// What is published during a replay reaches a webhook behind the replay's last copy,
// in order; a pause lets it through.
func TestReplayHoldsLiveCopies(t *testing.T) {
	const copies = 10
	here, to := nodetest.Boot(t), newHookReceiver(t)
	hook(t, here.Desk(), "HOOK", to.URL, webhook.Message)
	id := here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, "HOOK")
	var bodies []string
	publish := func(n int) {
		for range n {
			m := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
			bodies = append(bodies, string(m))
			here.Publish(here.Publisher(), m)
		}
	}
	comes := func(n int) []received {
		t.Helper()
		here.Eventually("copies come", func() bool { return len(to.got(0)) >= n })
		return to.got(http.StatusNoContent)
	}
	start := func(rate int) operator.Replay {
		r, err := operator.StartReplay.Do(t.Context(), here.Desk(), operator.ReplayWish{Subscription: id, From: "oldest", Rate: rate, Basis: "a test"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	change := func(r operator.Replay, deed replay.Deed) {
		t.Helper()
		if _, err := operator.ChangeReplay.Do(t.Context(), here.Desk(), operator.ReplayChange{ID: r.ID, Deed: deed}); err != nil {
			t.Fatal(err)
		}
	}
	publish(copies)
	comes(copies)

	r := start(20)
	publish(3)
	got := comes(2*copies + 3)[copies:]
	for i, g := range got {
		want, of := bodies[i], ""
		if i < copies {
			of = r.ID
		}
		if g.body != want || g.header.Get("ce-replay") != of {
			t.Errorf("copy %d of %d: replay %q, want %q", i, len(got), g.header.Get("ce-replay"), of)
		}
	}
	before := 2*copies + 3

	r = start(1)
	comes(before + 1)
	publish(1)
	change(r, replay.Pause)
	here.Eventually("the live copy comes", func() bool {
		all := to.got(0)
		last := all[len(all)-1]
		return last.header.Get("ce-replay") == "" && last.body == bodies[copies+3]
	})
	if n := len(to.got(0)); n >= before+copies {
		t.Errorf("%d came: the replay was not paused in the middle", n)
	}
	change(r, replay.Cancel)
}

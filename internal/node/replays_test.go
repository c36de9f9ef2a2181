package node_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/client"
	"nems/internal/crashpoint"
	"nems/internal/datafolder"
	"nems/internal/directory"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/replay"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/webhook"
)

// replayed starts a replay and waits until it is over.
func replayed(t *testing.T, here *nodetest.Server, w operator.ReplayWish) (r operator.Replay) {
	t.Helper()
	w.Basis = "a test"
	r, err := operator.StartReplay.Do(t.Context(), here.Desk(), w)
	if err != nil {
		t.Fatal(err)
	}
	here.Eventually("the replay is over", func() bool {
		if r, err = operator.ShowReplay.Do(t.Context(), here.Desk(), operator.ReplayRef{ID: r.ID}); err != nil {
			t.Fatal(err)
		}
		return r.State.Over()
	})
	return r
}

// What a mailbox has collected comes again by a replay, as it was and marked; then
// without what was flagged since.
func TestReplayReachesTheMailbox(t *testing.T) {
	here := nodetest.Boot(t)
	criteria := about(nodetest.Jack) + vaccinations
	id := here.Subscribe(here.Leeds(), criteria, leeds)
	var bodies []string
	for range 5 {
		m := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		bodies = append(bodies, string(m))
		here.Publish(here.Publisher(), m)
	}
	wish := operator.ReplayWish{Subscription: id, From: "oldest", Basis: "a test"}
	tally, err := operator.TryReplay.Do(t.Context(), here.Desk(), wish)
	if err != nil || tally.Total != 0 || tally.Waiting != 5 || len(tally.Days) != 1 || tally.Days[0].Waiting != 5 {
		t.Errorf("the dry run while all wait: %+v, %v", tally, err)
	}
	here.Collect(leeds)
	tally, err = operator.TryReplay.Do(t.Context(), here.Desk(), wish)
	if err != nil || tally.Total != 5 || len(tally.Days) != 1 || tally.Days[0].EventType != "vaccinations-1" {
		t.Errorf("the dry run: %+v, %v", tally, err)
	}
	r := replayed(t, here, operator.ReplayWish{Subscription: id, From: "oldest"})
	if r.State != store.ReplayCompleted || r.Sent != 5 || r.Of != 5 || r.To != leeds || r.Who != "tester" {
		t.Errorf("the replay: %+v", r)
	}
	again := here.Collect(leeds)
	for i, c := range again {
		if i >= len(bodies) || string(c.Body) != bodies[i] || c.Replay != r.ID {
			t.Errorf("copy %d: %q, %d bytes", i, c.Replay, len(c.Body))
		}
	}
	if len(again) != 5 {
		t.Errorf("%d came again", len(again))
	}
	folder, err := datafolder.OpenDirectory(here.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	jack := nodetest.Patient(t, nodetest.Jack)
	jack.Sensitive = true
	if err := folder.PutPatients(t.Context(), []directory.Patient{jack}); err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if r = replayed(t, here, operator.ReplayWish{Subscription: id, From: "oldest"}); r.State != store.ReplayCompleted || r.Sent != 0 || r.Withheld != 5 {
		t.Errorf("flagged since: %+v", r)
	}
	if n := len(here.Collect(leeds)); n != 0 {
		t.Errorf("%d copies of a flagged patient", n)
	}
}

// Of each thing the newest event comes, a withdrawal too, to a webhook of the same owner.
func TestReplayOfTheLatest(t *testing.T) {
	here, to := nodetest.Boot(t), newHookReceiver(t)
	hook(t, here.Desk(), "HOOK", to.URL, webhook.Message)
	id := here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	deleted := nodetest.Replace(t, message, `<code value="new"/>`, `<code value="delete"/>`)
	for _, m := range [][]byte{message, message, deleted} {
		here.Publish(here.Publisher(), m)
	}
	here.Collect(leeds)
	r := replayed(t, here, operator.ReplayWish{Subscription: id, From: "oldest", Mode: "latest", To: "HOOK"})
	if r.State != store.ReplayCompleted || r.Sent != 1 || r.Passed != 2 {
		t.Errorf("the replay: %+v", r)
	}
	here.Eventually("it comes", func() bool { return len(to.got(http.StatusNoContent)) > 0 })
	if got := to.got(0)[0]; got.body != string(deleted) || got.header.Get("ce-replay") != r.ID {
		t.Errorf("received: %v", got.header)
	}
	if n := len(here.Collect(leeds)); n != 0 {
		t.Errorf("%d copies in the subscription's own mailbox", n)
	}
}

// A replay is paused, paced and cancelled while it runs, and ends with its subscription.
func TestReplayIsChanged(t *testing.T) {
	here := nodetest.Boot(t)
	id := here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	for range 20 {
		here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	}
	here.Collect(leeds)
	ctx, desk := t.Context(), here.Desk()
	start := func() operator.Replay {
		r, err := operator.StartReplay.Do(ctx, desk, operator.ReplayWish{Subscription: id, From: "oldest", Rate: 1, Basis: "a test"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	is := func(r operator.Replay, state store.ReplayState) bool {
		got, err := operator.ShowReplay.Do(ctx, desk, operator.ReplayRef{ID: r.ID})
		return err == nil && got.State == state
	}
	change := func(r operator.Replay, deed replay.Deed, rate int) {
		t.Helper()
		if _, err := operator.ChangeReplay.Do(ctx, desk, operator.ReplayChange{ID: r.ID, Deed: deed, Rate: rate}); err != nil {
			t.Fatal(err)
		}
	}
	r := start()
	if _, err := operator.StartReplay.Do(ctx, desk, operator.ReplayWish{Subscription: id, From: "oldest", Basis: "a test"}); err == nil {
		t.Error("two at once")
	}
	here.Eventually("it runs", func() bool { return is(r, store.ReplayRunning) })
	change(r, replay.Pause, 0)
	paused, err := operator.ShowReplay.Do(ctx, desk, operator.ReplayRef{ID: r.ID})
	if err != nil || paused.State != store.ReplayPaused || paused.Sent > 5 {
		t.Errorf("paused: %+v, %v", paused, err)
	}
	change(r, replay.Pace, 5000)
	change(r, replay.Resume, 0)
	here.Eventually("it is over", func() bool { return is(r, store.ReplayCompleted) })
	if n := len(here.Collect(leeds)); n != 20 {
		t.Errorf("%d came again", n)
	}
	r = start()
	change(r, replay.Cancel, 0)
	here.Eventually("it is cancelled", func() bool { return is(r, store.ReplayCancelled) })
	r = start()
	if err := here.Leeds().Unsubscribe(ctx, id); err != nil {
		t.Fatal(err)
	}
	here.Eventually("it fails", func() bool { return is(r, store.ReplayFailed) })
}

// replayKills is how often the program is killed during a replay.
const replayKills = 3

// However often the program is killed in the middle, each copy comes again once.
func TestReplayKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes: not with -short")
	}
	for name, database := range map[string]func() string{
		"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) { replayKilled(t, t.TempDir(), database()) })
	}
}

func replayKilled(t *testing.T, folder, database string) {
	const copies = 200
	ctx := t.Context()
	c := spawn(t, folder, crashDatabase+"="+database)
	created, err := c.system("200000000115", "RR8").Subscribe(ctx, client.Subscription{Criteria: about(nodetest.Jack) + vaccinations, Mailbox: leeds, Reason: "A test"})
	if err != nil {
		t.Fatal(err)
	}
	for range copies {
		if _, err := c.system("300000000161", "A83627").Publish(ctx, nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)); err != nil {
			t.Fatal(err)
		}
	}
	taken := c.empty(ctx, leeds)
	r, err := operator.StartReplay.Do(ctx, c.desk(folder), operator.ReplayWish{Subscription: created.ID, From: "oldest", Rate: 200, Basis: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	for round := range replayKills {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		c.http.CloseIdleConnections()
		c = spawn(t, folder, crashDatabase+"="+database, fmt.Sprintf("%s=%s:%d", crashpoint.Variable, crashpoint.ReplayStep, 3+round))
		_ = c.cmd.Wait() // it dies by itself, once the claim of the one before has lapsed
	}
	c.http.CloseIdleConnections()
	c = spawn(t, folder, crashDatabase+"="+database)
	for deadline := time.Now().Add(time.Minute); !r.State.Over(); {
		if r, err = operator.ShowReplay.Do(ctx, c.desk(folder), operator.ReplayRef{ID: r.ID}); err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if r.State != store.ReplayCompleted || r.Sent != copies || r.Of != copies {
		t.Errorf("the replay: %+v", r)
	}
	again := c.empty(ctx, leeds)
	for id, n := range again {
		if n != 1 || taken[id] != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if len(again) != copies {
		t.Errorf("%d of %d came again", len(again), copies)
	}
}

// empty collects all that a mailbox has: how often each message came.
func (c *child) empty(ctx context.Context, id string) map[string]int {
	c.t.Helper()
	out := map[string]int{}
	box, err := c.mailbox(id)
	if err != nil {
		c.t.Fatal(err)
	}
	for {
		ids, err := box.List(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(ids) == 0 {
			return out
		}
		for _, id := range ids {
			out[id]++
			if err := box.Acknowledge(ctx, id); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

// Nothing is put into a stream again, because nobody would read it.
func TestReplayOfStream(t *testing.T) {
	here := nodetest.Boot(t)
	if _, err := operator.PutEndpoint.Do(t.Context(), here.Desk(), operator.Endpoint{ID: "FEED", ODS: "RR8", Channel: store.StreamChannel}); err != nil {
		t.Fatal(err)
	}
	id := here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, "FEED")
	_, err := operator.TryReplay.Do(t.Context(), here.Desk(), operator.ReplayWish{Subscription: id, From: "oldest", Basis: "a test"})
	if err == nil || !strings.Contains(err.Error(), "can be read again without a replay") {
		t.Errorf("%v", err)
	}
}

package node_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
)

// forgetful is a way to a MESH that hands on everything, and loses the answer to the first
// message that is sent.
func forgetful(t *testing.T, behind string) (at string, lost *atomic.Bool) {
	t.Helper()
	target, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	lost = &atomic.Bool{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/outbox") && lost.CompareAndSwap(false, true) {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, lost
}

// TestSignalsToARemoteMESH sends signals to a mailbox that another NEMS serves as the
// MESH. One whose outcome is not known is looked for there and not sent again. What a
// replay sends says so.
func TestSignalsToARemoteMESH(t *testing.T) {
	there := nodetest.Boot(t)
	at, lost := forgetful(t, there.URL)
	here := nodetest.Boot(t, func(c *node.Config) {
		c.RemoteMESH = node.RemoteMESH{URL: at, SharedKey: devworld.SharedKey, Password: devworld.Password}
	})
	if err := operator.PutMailboxes.Run(t.Context(), here.Desk(), []operator.Mailbox{{ID: leeds, ODS: "RR8", Remote: true}}); err != nil {
		t.Fatal(err)
	}
	id := subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1", "mesh://"+leeds+"?workflow_id=SIGNALS", "application/json")
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	publishMNS(t, here, cloudEvent("one", "imms-vaccination-record-change-1", `"action":"UPDATE"`))

	var got []client.Copy
	come := func(n int) {
		t.Helper()
		here.Eventually("the signals come", func() bool {
			here.Clock.Set(here.Clock.Now().Add(time.Second)) // makes pauses short
			got = append(got, there.Collect(leeds)...)
			return len(got) >= n && stillWaiting(t, here) == 0
		})
	}
	come(2)
	if !lost.Load() || len(got) != 2 {
		t.Fatalf("%d signals, lost: %t", len(got), lost.Load())
	}
	for _, c := range got {
		if c.WorkflowID != "SIGNALS" || c.LocalID == "" || c.Replay != "" || !strings.Contains(string(c.Body), `"type":"imms-vaccination-record-change-1"`) {
			t.Errorf("%+v", c)
		}
	}
	if !strings.Contains(string(got[1].Body), `"id":"one"`) {
		t.Errorf("the second: %s", got[1].Body)
	}
	r := replayed(t, here, operator.ReplayWish{Subscription: strings.ReplaceAll(id, "-", ""), From: "oldest"})
	come(4)
	if r.Sent != 2 || len(got) != 4 || got[2].Replay != r.ID || got[3].Replay != r.ID {
		t.Errorf("the replay %s has sent %d: %+v", r.ID, r.Sent, got[2:])
	}
}

// stillWaiting is how many copies wait.
func stillWaiting(t *testing.T, here *nodetest.Server) (n int) {
	t.Helper()
	for _, err := range operator.Each(t.Context(), here.Desk(), operator.FindDeliveries, operator.Matching(operator.DeliveryFilter{State: store.Waiting})) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nems/internal/catalogue/example"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestSubscribeWebhook has events posted to a URL that nobody has registered before.
func TestSubscribeWebhook(t *testing.T) {
	came := make(chan *http.Request, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WebHook-Allowed-Origin", "*")
		if r.Method == http.MethodPost {
			came <- r
		}
	}))
	defer receiver.Close()
	data := t.TempDir()
	n := nodetest.Boot(t, func(c *node.Config) { c.Data = data })
	n.Clock.Set(time.Now()) // that of the commands
	s := &subscribeCmd{NHSNumber: "9912003888", Events: []string{"vaccinations-1"}, ASID: "200000000115", ODS: "RR8", Reason: "Trying", Format: "text",
		streamFlags: streamFlags{Data: data}, hookFlags: hookFlags{Webhook: receiver.URL, Form: "signal"}, connection: connection{URL: n.URL, ToASID: "111111111111"}}
	id := captured(t, func() error { return s.Run(t.Context()) })
	if again := captured(t, func() error { return s.Run(t.Context()) }); len(strings.TrimSpace(id)) != 32 || again != id {
		t.Errorf("the subscription: %q, and again %q", id, again)
	}
	message, err := example.Message("vaccinations-1", "new", example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	n.Publish(n.Publisher(), message)
	select {
	case r := <-came:
		if r.Header.Get("ce-sequence") != "00000000000000000001" || r.Header.Get("webhook-signature") == "" {
			t.Errorf("%v", r.Header)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was posted")
	}
	s.Stream = true
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "either --stream or --webhook") {
		t.Errorf("both: %v", err)
	}
}

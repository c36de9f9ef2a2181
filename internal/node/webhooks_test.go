package node_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nems/client"
	"nems/internal/crashpoint"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/webhook"
)

// hookReceiver takes what is posted to it, after it has consented.
type hookReceiver struct {
	*httptest.Server
	mu       sync.Mutex
	status   int
	received []received
}

type received struct {
	id, body string
	header   http.Header
}

func newHookReceiver(t *testing.T) *hookReceiver {
	r := &hookReceiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodOptions {
			w.Header().Set("WebHook-Allowed-Origin", q.Header.Get("WebHook-Request-Origin"))
			return
		}
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.received = append(r.received, received{q.Header.Get("webhook-id"), string(body), q.Header})
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

// got returns what has come, and answers with a status from now on.
func (r *hookReceiver) got(status int) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	if status != 0 {
		r.status = status
	}
	return slices.Clone(r.received)
}

// verified reports whether a request was signed with a secret, as Standard Webhooks says.
func (g received) verified(t *testing.T, secret string) bool {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, g.id+"."+g.header.Get("webhook-timestamp")+"."+g.body)
	return slices.Contains(strings.Fields(g.header.Get("webhook-signature")), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// hook registers a webhook and returns its secret.
func hook(t *testing.T, desk operator.Face, id, url string, form webhook.Form) string {
	t.Helper()
	out, err := operator.PutEndpoint.Do(context.Background(), desk, operator.Endpoint{ID: id, ODS: "RR8", URL: url, Form: string(form)})
	if err != nil || !strings.HasPrefix(out.Secret, "whsec_") {
		t.Fatalf("%s: %+v, %v", id, out, err)
	}
	return out.Secret
}

// TestWebhooks publishes to two webhooks and a mailbox. One webhook is down for a
// while, which holds up nobody else; its copies then come in order.
func TestWebhooks(t *testing.T) {
	here := nodetest.Boot(t)
	desk := here.Desk()
	up, down := newHookReceiver(t), newHookReceiver(t)
	down.got(http.StatusInternalServerError)
	secret := hook(t, desk, "UP", up.URL, webhook.Signal)
	hook(t, desk, "DOWN", down.URL, webhook.Message)
	for _, box := range []string{"UP", "DOWN", leeds} {
		here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, box)
	}
	var messages []string
	for range 3 {
		m := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		messages = append(messages, string(m))
		here.Publish(here.Publisher(), m)
	}
	here.Eventually("the other webhook has all", func() bool { return len(up.got(0)) == 3 })
	if n := len(here.Collect(leeds)); n != 3 {
		t.Errorf("the mailbox has %d copies", n)
	}
	for _, g := range up.got(0) {
		if !g.verified(t, secret) || g.header.Get("ce-specversion") != "1.0" || strings.Contains(g.body, nodetest.Jack) || strings.Contains(g.header.Get("ce-subject"), nodetest.Jack) {
			t.Errorf("received %+v", g)
		}
	}
	off(t, desk, "UP")
	down.got(http.StatusOK)
	var found operator.Page[operator.Delivery]
	here.Eventually("its copies come", func() bool {
		here.Clock.Set(here.Clock.Now().Add(10 * time.Minute)) // makes pauses short
		var err error
		found, err = operator.FindDeliveries.Do(context.Background(), desk, operator.Matching(operator.DeliveryFilter{Mailbox: "DOWN", State: store.Sent}))
		return err == nil && len(found.Items) == 3
	})
	var came []string // each once: a copy comes again if the clock jumps over its lease
	for _, g := range down.got(0) {
		if !slices.Contains(came, g.body) {
			came = append(came, g.body)
		}
	}
	if !slices.Equal(came, messages) {
		t.Errorf("%d different copies came, or in another order", len(came))
	}
	if first := found.Items[0]; len(first.Log) < 2 || first.Log[0].Status != 500 {
		t.Errorf("the log: %+v", first)
	}
	if strings.Contains(here.Log.String(), secret) {
		t.Error("the log has the secret")
	}
}

// off switches a webhook off: a person is told, until it is on again.
func off(t *testing.T, desk operator.Face, id string) {
	t.Helper()
	ref := operator.EndpointRef{ID: id}
	told := func() bool {
		a, err := operator.ShowAttention.Do(context.Background(), desk, operator.None{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(a.Concerns, func(c operator.Concern) bool { return strings.Contains(c.Text, "The endpoint "+id+" is off") })
	}
	if err := operator.DisableEndpoint.Run(context.Background(), desk, ref); err != nil || !told() {
		t.Errorf("off: %v", err)
	}
	if err := operator.EnableEndpoint.Run(context.Background(), desk, ref); err != nil || told() {
		t.Errorf("on again: %v", err)
	}
}

// TestWebhookKilled kills the program after the receiver has answered and before that
// is on disk: the copy comes again, with the same id.
func TestWebhookKilled(t *testing.T) {
	folder, to := t.TempDir(), newHookReceiver(t)
	c := spawn(t, folder, crashpoint.Variable+"="+crashpoint.AfterSend)
	access, err := operator.ReadAccess(folder)
	if err != nil {
		t.Fatal(err)
	}
	hook(t, &operator.Client{Access: access, User: "tester", HTTP: c.http}, "HOOK", to.URL, webhook.Signal)
	ctx := t.Context()
	if _, err := c.system("200000000115", "RR8").Subscribe(ctx, client.Subscription{Criteria: about(nodetest.Jack) + vaccinations, Mailbox: "HOOK", Reason: "A test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.system("300000000161", "A83627").Publish(ctx, nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // it kills itself
	if n := len(to.got(0)); n != 1 {
		t.Fatalf("%d requests before the crash", n)
	}
	again := spawn(t, folder)
	for deadline := time.Now().Add(time.Minute); len(to.got(0)) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the copy does not come again")
		}
	}
	if got := to.got(0); got[0].id != got[1].id || got[0].id == "" || got[0].body != got[1].body {
		t.Errorf("received %+v", got)
	}
	_ = again.end(syscall.SIGTERM)
}

// TestWebhookSettings: in production they are off unless they are turned on, and what
// cannot be right is refused.
func TestWebhookSettings(t *testing.T) {
	for name, change := range map[string]func(*node.Webhooks){
		"networks": func(w *node.Webhooks) { w.Allow = "ten" },
		"origin":   func(w *node.Webhooks) { w.Origin = "https://nems.example.nhs.uk" },
	} {
		c := node.DevConfig(t.TempDir())
		if change(&c.Webhooks); c.Validate() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
	here := nodetest.Boot(t, func(c *node.Config) { c.Webhooks.Send = "off" })
	desk := here.Desk()
	if _, err := operator.PutEndpoint.Do(t.Context(), desk, operator.Endpoint{ID: "HOOK", ODS: "RR8", URL: "https://rr8.example.nhs.uk/"}); err == nil || !strings.Contains(err.Error(), "the channel webhook is off") {
		t.Errorf("off: %v", err)
	}
}

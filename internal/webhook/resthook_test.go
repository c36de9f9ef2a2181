package webhook

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/form"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// hooks keeps one endpoint of an R4 subscription, for several nodes at once.
type hooks struct {
	*memory
	mu       sync.Mutex
	status   subscription.Status // "": the subscription was deleted
	counting store.Counting
	webhooks []store.Endpoint // of operators
}

func (h *hooks) Endpoint(ctx context.Context, row int64) (store.Endpoint, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.memory.Endpoint(ctx, row)
}

func (h *hooks) NoteEndpoint(ctx context.Context, e store.Endpoint) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.memory.NoteEndpoint(ctx, e)
}

func (h *hooks) PutEndpoint(ctx context.Context, e store.Endpoint, _ audit.Entry) error {
	return h.NoteEndpoint(ctx, e)
}

func (h *hooks) EndpointsAfter(_ context.Context, row int64, _ int) ([]store.Endpoint, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if row >= 1 {
		return nil, nil
	}
	return append([]store.Endpoint{h.row}, h.webhooks...), nil
}

func (h *hooks) Subscription(_ context.Context, id subscription.ID) (subscription.Subscription, error) {
	if h.status == "" {
		return subscription.Subscription{}, store.ErrNotFound
	}
	return subscription.Subscription{ID: id, Status: h.status}, nil
}

func (h *hooks) Counting(context.Context, subscription.ID) (store.Counting, error) {
	return h.counting, nil
}

// look is round, with all calls made.
func (p *Pulse) look(ctx context.Context) error {
	err := p.round(ctx)
	p.calls.busy.Wait()
	return err
}

// hookFixture is an endpoint that waits for its handshake.
func hookFixture(t *testing.T, answer http.HandlerFunc) (*fixture, *hooks) {
	fx := newFixture(t, answer)
	h := &hooks{memory: fx.memory, status: subscription.Active}
	fx.Sender.Endpoints, fx.Sender.RestHooks = h, h
	fx.row.Channel, fx.row.Mailbox.Row = store.RestHookChannel, 1
	fx.put(func(e *Endpoint) {
		e.Form, e.Secret = Notification, ""
		e.RestHook = &RestHook{Subscription: subscription.ID{1}.String(), Topic: "urn:t", Base: "https://nems.example.nhs.uk/R4", Content: form.IDOnly,
			Media: "application/fhir+json", Headers: []string{"X-Key: one"}, Heartbeat: 60}
	})
	return fx, h
}

// TestPulseOnce: of two nodes one makes the call.
func TestPulseOnce(t *testing.T) {
	var mu sync.Mutex
	fx, h := hookFixture(t, func(w http.ResponseWriter, _ *http.Request) { mu.Lock(); defer mu.Unlock(); w.WriteHeader(200) })
	row, e := fx.row, fx.endpoint()
	first, second := NewPulse(fx.Sender), NewPulse(fx.Sender)
	if err := first.beat(t.Context(), row, e); err != nil {
		t.Fatal(err)
	}
	if err := second.beat(t.Context(), row, e); !errors.Is(err, store.ErrChanged) {
		t.Errorf("the other node: %v", err)
	}
	if len(fx.bodies) != 1 || !strings.Contains(fx.bodies[0], `"handshake"`) || fx.received[0].Header.Get("X-Key") != "one" || fx.received[0].Header.Get("webhook-signature") != "" {
		t.Errorf("%v", fx.bodies)
	}
	if e := fx.endpoint(); e.Consented.IsZero() || e.Off || !e.RestHook.Beat.Equal(noon.Add(time.Minute)) {
		t.Errorf("%+v %+v", e, e.RestHook)
	}
	if err := first.look(t.Context()); err != nil || len(fx.bodies) != 1 {
		t.Errorf("before it is due: %d, %v", len(fx.bodies), err)
	}
	fx.now = noon.Add(time.Minute)
	h.counting = store.Counting{Last: 4, Changed: noon.Add(30 * time.Second)}
	if err := first.look(t.Context()); err != nil || len(fx.bodies) != 1 {
		t.Errorf("an event went out in the meantime: %d, %v", len(fx.bodies), err)
	}
	fx.now = noon.Add(90 * time.Second)
	if err := first.look(t.Context()); err != nil || len(fx.bodies) != 2 || !strings.Contains(fx.bodies[1], `"heartbeat"`) || !strings.Contains(fx.bodies[1], `"valueString":"4"`) {
		t.Errorf("a heartbeat: %v, %v", fx.bodies, err)
	}
}

// TestPulseWithoutSubscription: nothing is sent for a subscription that is over, or
// that an operator has not approved.
func TestPulseWithoutSubscription(t *testing.T) {
	for status, off := range map[subscription.Status]bool{"": true, subscription.Off: true, subscription.Requested: false} {
		fx, h := hookFixture(t, func(http.ResponseWriter, *http.Request) {})
		h.status = status
		if err := NewPulse(fx.Sender).look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e := fx.endpoint(); e.Off != off || len(fx.bodies) != 0 || e.RestHook.Failed {
			t.Errorf("%q: %+v, %d requests", status, e, len(fx.bodies))
		}
	}
}

// TestPulseEnds: a node that ends says nothing of a receiver.
func TestPulseEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fx, _ := hookFixture(t, func(http.ResponseWriter, *http.Request) { cancel(); <-ctx.Done() })
	_ = NewPulse(fx.Sender).look(ctx)
	if e := fx.endpoint(); e.Off || !e.Consented.IsZero() {
		t.Errorf("%+v", e)
	}
}

// TestNotifies: a copy is one notification with its number; three failures, or 410,
// are an error, and what belongs to a subscription before it is nobody's.
func TestNotifies(t *testing.T) {
	status := http.StatusOK
	fx, _ := hookFixture(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	one := copyOf("1")
	one.Numbers = []uint64{7}
	d, err := fx.send(0, one)
	if err != nil || d.State != store.Sent || len(fx.bodies) != 2 || !strings.Contains(fx.bodies[1], `{"name":"event-number","valueString":"7"}`) {
		t.Fatalf("%+v %v %v", d, err, fx.bodies)
	}
	status = http.StatusBadRequest
	for failures := range lasting {
		if fx.endpoint().Off {
			t.Fatalf("off after %d failures", failures)
		}
		if d, err = fx.send(failures, one); err == nil || d.State != store.Waiting {
			t.Fatalf("%+v %v", d, err)
		}
	}
	if e := fx.endpoint(); !e.Off || !e.RestHook.Failed || e.Why != "answered 400" || !slices.Contains(fx.audited, audit.ActionEndpointGone) {
		t.Errorf("%+v %+v", e, e.RestHook)
	}
	if d, err = fx.send(0, one); err == nil || d.State != store.Waiting || fx.Pause(store.Lane{}, err) != errorPause {
		t.Errorf("while it is off: %+v %v", d, err)
	}
	fx.put(func(e *Endpoint) { e.Off, e.RestHook.Failed = false, false })
	status = http.StatusGone
	if _, err = fx.send(0, one); err == nil || !fx.endpoint().RestHook.Failed {
		t.Errorf("410: %v", err)
	}
	fx.put(func(e *Endpoint) { e.Off = false })
	one.Subscriptions = []subscription.ID{{2}}
	if d, err = fx.send(0, one); err != nil || d.State != store.Undeliverable || d.ErrorCode != "ended" {
		t.Errorf("another subscription's: %+v %v", d, err)
	}
}

// TestBriefly: a subscriber's timeout is not that of handshakes and heartbeats.
func TestBriefly(t *testing.T) {
	for given, want := range map[int]int{0: mostGreeting, 2: 2, 60: mostGreeting} {
		e := Endpoint{RestHook: &RestHook{Timeout: given}}
		if got := e.briefly(); got.RestHook.Timeout != want || e.RestHook.Timeout != given {
			t.Errorf("%d: %d, and %d is kept", given, got.RestHook.Timeout, e.RestHook.Timeout)
		}
	}
}

// TestAgreementEnds: a message goes to the URL of an R4 subscription while an operator
// has a webhook of the same organisation there that gets messages; then copies wait.
func TestAgreementEnds(t *testing.T) {
	fx, h := hookFixture(t, func(http.ResponseWriter, *http.Request) {})
	fx.put(func(e *Endpoint) { e.RestHook.Content = form.Full })
	url := fx.endpoint().URL
	for name, c := range map[string]struct {
		ods     nhs.ODSCode
		webhook Endpoint
		sent    bool
	}{
		"agreed":       {"", Endpoint{URL: url, Form: Message}, true},
		"off":          {"", Endpoint{URL: url, Form: Message, Off: true}, false},
		"signals":      {"", Endpoint{URL: url, Form: Signal}, false},
		"elsewhere":    {"", Endpoint{URL: url + "/other", Form: Message}, false},
		"another's":    {"X26", Endpoint{URL: url, Form: Message}, false},
		"agreed again": {"", Endpoint{URL: url, Form: Message}, true},
	} {
		h.webhooks = []store.Endpoint{{Mailbox: store.Mailbox{Row: 2, ODS: c.ods}, Channel: store.WebhookChannel, Value: c.webhook.Pack()}}
		before := len(fx.bodies)
		d, err := fx.send(0, copyOf("1"))
		if c.sent != (err == nil && d.State == store.Sent && len(fx.bodies) > before) {
			t.Errorf("%s: %+v %v", name, d, err)
		}
		if !c.sent && (d.State != store.Waiting || d.Attempts != 0 || !strings.Contains(d.ErrorText, "no operator agrees") || len(fx.bodies) != before || fx.Pause(store.Lane{}, err) != errorPause) {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
}

// TestBarred: what an operator has switched off, its subscriber cannot switch on.
func TestBarred(t *testing.T) {
	e := Endpoint{Off: true, Why: "answered 410", RestHook: &RestHook{Failed: true}}
	if e.Barred() {
		t.Error("its own answers")
	}
	e.Bar("switched off by an operator", noon)
	e.Delete(noon.Add(time.Hour))
	if !e.Barred() || e.Since != noon {
		t.Errorf("%+v", e)
	}
	e = Endpoint{RestHook: &RestHook{Headers: []string{"X: y"}}}
	if e.Delete(noon); e.Barred() || !e.Off || e.RestHook.Headers != nil {
		t.Errorf("%+v", e)
	}
}

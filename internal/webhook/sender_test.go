package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/guard"
	"nems/internal/lane"
	"nems/internal/store"
	"nems/internal/subscription"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// memory keeps one endpoint.
type memory struct{ row store.Endpoint }

func (m *memory) Endpoint(context.Context, int64) (store.Endpoint, error) { return m.row, nil }

func (m *memory) NoteEndpoint(_ context.Context, e store.Endpoint) error {
	if e.Version != m.row.Version {
		return store.ErrChanged
	}
	m.row = e
	m.row.Version++
	return nil
}

func (m *memory) ClaimEndpoints(context.Context, string, time.Duration, int) ([]store.Lane, error) {
	return nil, nil
}

// fixture is a sender and a receiver whose POSTs a test answers.
type fixture struct {
	*Sender
	*memory
	t        *testing.T
	now      time.Time
	asked    int // OPTIONS
	consent  string
	received []*http.Request
	bodies   []string
	audited  []audit.Action
}

func newFixture(t *testing.T, answer http.HandlerFunc) *fixture {
	t.Helper()
	fx := &fixture{t: t, now: noon, consent: "*", memory: &memory{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			fx.asked++
			w.Header().Set("WebHook-Allowed-Origin", fx.consent)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fx.received, fx.bodies = append(fx.received, r), append(fx.bodies, string(body))
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	clock := func() time.Time { return fx.now }
	fx.Sender = New(Config{Endpoints: fx.memory, Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Origin: "nems.example.nhs.uk", Timeout: 5 * time.Second,
		Now: clock, Settled: clock, Machine: clock, Log: slog.New(slog.DiscardHandler), Record: func(e audit.Entry) { fx.audited = append(fx.audited, e.Action) }})
	t.Cleanup(fx.Sender.Close)
	fx.put(func(e *Endpoint) { e.URL, e.Form = server.URL+"/events", Signal })
	return fx
}

// put changes the endpoint.
func (fx *fixture) put(change func(*Endpoint)) {
	e := fx.endpoint()
	if e.Secret == "" {
		e.Rotate(fx.now)
	}
	change(&e)
	fx.row.Value = e.Pack()
}

func (fx *fixture) endpoint() Endpoint {
	fx.t.Helper()
	if fx.row.Value == nil {
		return Endpoint{}
	}
	e, err := Read(fx.row)
	if err != nil {
		fx.t.Fatal(err)
	}
	return e
}

const message = `<Bundle xmlns="http://hl7.org/fhir"><id value="1"/></Bundle>`

func copyOf(id string) store.Delivery {
	return store.Delivery{ID: id, Code: "vaccinations-1", MailboxID: "HOOK", Accepted: noon, State: store.Waiting, Subscriptions: []subscription.ID{{1}}}
}

func (fx *fixture) send(failures int, d store.Delivery) (store.Delivery, error) {
	return fx.Send(fx.t.Context(), store.Lane{Failures: failures}, d, store.Event{Message: []byte(message)})
}

// A request is a CloudEvent and a Standard Webhook at once, and consent is asked for once.
func TestDelivers(t *testing.T) {
	fx := newFixture(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	for range 2 {
		d, err := fx.send(0, copyOf("abc"))
		if err != nil || d.State != store.Sent || d.Attempts != 1 || len(d.Tries) != 1 || d.Tries[0].Why != "" || d.Tries[0].Status != http.StatusAccepted {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if fx.asked != 1 || len(fx.received) != 2 {
		t.Errorf("asked %d times, sent %d", fx.asked, len(fx.received))
	}
	h := fx.received[0].Header
	for name, want := range map[string]string{
		"ce-specversion": "1.0", "ce-type": "imms-vaccination-record-change-1", "ce-id": "abc", "ce-time": "2026-03-02T12:00:00Z",
		"webhook-id": "abc", "webhook-request-origin": "nems.example.nhs.uk", "content-type": "application/json",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: expected %q; received %q", name, want, got)
		}
	}
	want, err := signature(fx.endpoint().Secret, "abc", h.Get("webhook-timestamp"), []byte(fx.bodies[0]))
	if err != nil || h.Get("webhook-signature") != want {
		t.Errorf("signed %s; expected %s, %v", h.Get("webhook-signature"), want, err)
	}
	if !strings.Contains(fx.bodies[0], `"subscriptions":["01000000000000000000000000000000"]`) {
		t.Errorf("body: %s", fx.bodies[0])
	}
	fx.put(func(e *Endpoint) { e.Form = Message })
	if _, err := fx.send(0, copyOf("abc")); err != nil || fx.bodies[2] != message || fx.received[2].Header.Get("content-type") != "application/fhir+xml" ||
		fx.received[2].Header.Get("ce-type") != "vaccinations-1" {
		t.Errorf("the message: %v, %s, %v", err, fx.bodies[2], fx.received[2].Header)
	}
}

// endless writes until the client goes.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
			return
		}
	}
}

// What hostile and broken receivers do is a failure in words of ours, or a success,
// within limits.
func TestHostileReceivers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		change func(*fixture)
		why    string // "": it is delivered
		pause  time.Duration
	}{
		"redirect": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, why: "answered 307, a redirect, which is not followed"},
		"endless body":    {answer: endless},
		"endless error":   {answer: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); endless(w, r) }, why: "answered 500"},
		"body that drips": {answer: func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); <-r.Context().Done() }},
		"no answer": {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, change: func(fx *fixture) {
			fx.Timeout = 50 * time.Millisecond
			fx.put(func(e *Endpoint) { e.Consented = noon })
		}, why: "no answer in time"},
		"vast header": {answer: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 64<<10)) }, why: "no connection, or no answer in HTTP"},
		"cut off":     {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, why: "no connection, or no answer in HTTP"},
		"busy":        {answer: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "90"); w.WriteHeader(429) }, why: "answered 429", pause: 90 * time.Second},
		"busy until": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", noon.Add(time.Hour).Format(http.TimeFormat))
			w.WriteHeader(503)
		}, why: "answered 503", pause: time.Hour},
		"busy for ever": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "99999999")
			w.WriteHeader(503)
		}, why: "answered 503", pause: 24 * time.Hour},
		"another's consent": {change: func(fx *fixture) { fx.consent = "else.example.nhs.uk" }, why: "expected WebHook-Allowed-Origin"},
		"no consent":        {change: func(fx *fixture) { fx.consent = "" }, why: "expected WebHook-Allowed-Origin"},
		"private address":   {change: func(fx *fixture) { fx.client = guard.NewClient(nil, nil, 1) }, why: guard.ErrAddress.Error()},
		"name of this machine": {change: func(fx *fixture) {
			fx.client = guard.NewClient(nil, nil, 1)
			fx.put(func(e *Endpoint) {
				e.URL = strings.Replace(strings.Replace(e.URL, "127.0.0.1", "localhost", 1), "http:", "https:", 1)
			})
		}, why: guard.ErrAddress.Error()},
		"metadata": {change: func(fx *fixture) { fx.put(func(e *Endpoint) { e.URL = "http://169.254.169.254/latest/meta-data/" }) }, why: guard.ErrAddress.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			if c.answer == nil {
				c.answer = func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }
			}
			fx := newFixture(t, c.answer)
			if c.change != nil {
				c.change(fx)
			}
			d, err := fx.send(0, copyOf("abc"))
			if c.why == "" {
				if err != nil || d.State != store.Sent {
					t.Errorf("%+v, %v", d, err)
				}
				return
			}
			if err == nil || d.State != store.Waiting || !strings.Contains(d.ErrorText, c.why) || len(d.Tries) != 1 || d.Tries[0].Why != d.ErrorText {
				t.Errorf("expected %q; received %+v, %v", c.why, d, err)
			}
			if pause := fx.Pause(store.Lane{Failures: 1}, err); c.pause != 0 && pause != c.pause || c.pause == 0 && (pause > 5*time.Second || pause < 4*time.Second) {
				t.Errorf("pause %s", pause)
			}
		})
	}
}

// The pauses grow along the schedule, less up to an eighth.
func TestSchedule(t *testing.T) {
	var s Sender
	for failures, want := range map[int]time.Duration{1: 5 * time.Second, 2: 5 * time.Minute, 4: 2 * time.Hour, 9: 24 * time.Hour, 1000: 24 * time.Hour} {
		if got := s.Pause(store.Lane{Failures: failures}, errors.New("x")); got > want || got < want*7/8 {
			t.Errorf("after %d failures: %s", failures, got)
		}
	}
}

// 410 switches the endpoint off. Its copies wait, until they are too old.
func TestGone(t *testing.T) {
	fx := newFixture(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	d, err := fx.send(0, copyOf("abc"))
	if e := fx.endpoint(); d.State != store.Waiting || err == nil || !e.Off || !strings.Contains(e.Why, "410") || fmt.Sprint(fx.audited) != "[endpoint-gone]" {
		t.Fatalf("%+v, %v, %+v, %v", d, err, e, fx.audited)
	}
	d, err = fx.send(1, d)
	if len(fx.received) != 1 || d.State != store.Waiting || d.Attempts != 1 || fx.Pause(store.Lane{Failures: 2}, err) != offPause {
		t.Errorf("it is off: %+v, %v, %d requests", d, err, len(fx.received))
	}
	fx.now = noon.Add(lane.GiveUp)
	if d, err = fx.send(2, d); d.State != store.Undeliverable || err != nil {
		t.Errorf("too old: %+v, %v", d, err)
	}
}

// A copy that a receiver refuses for its content does not hold up others for ever;
// one that is too old is given up without an attempt where the last ones failed.
func TestGivesUp(t *testing.T) {
	status := http.StatusBadRequest
	fx := newFixture(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	d := copyOf("abc")
	for n := range lane.MostRefusals {
		if d.State != store.Waiting {
			t.Fatalf("given up after %d", n)
		}
		d, _ = fx.send(n, d)
	}
	if d.State != store.Undeliverable || len(fx.received) != lane.MostRefusals {
		t.Errorf("%+v after %d requests", d, len(fx.received))
	}
	status, fx.received = http.StatusBadGateway, nil
	d = copyOf("abc")
	for range 3 * lane.MostRefusals { // an endpoint that is down refuses nothing for its content
		d, _ = fx.send(1, d)
	}
	if d.State != store.Waiting || len(d.Tries) != 3*lane.MostRefusals {
		t.Errorf("%+v", d)
	}
	fx.now, fx.received = noon.Add(lane.GiveUp), nil
	if d, _ = fx.send(1, copyOf("old")); d.State != store.Undeliverable || len(fx.received) != 0 {
		t.Errorf("too old: %+v after %d requests", d, len(fx.received))
	}
	if d, _ = fx.send(0, copyOf("old")); d.State != store.Undeliverable || len(fx.received) != 1 {
		t.Errorf("too old, but nothing has failed: %+v after %d requests", d, len(fx.received))
	}
	again := copyOf("old-1")
	again.Anew = true
	if d, _ = fx.send(3, again); d.State != store.Waiting || len(fx.received) != 2 {
		t.Errorf("sent anew: %+v after %d requests", d, len(fx.received))
	}
}

// A test event is sent once, even to an endpoint that is off.
func TestTest(t *testing.T) {
	fx := newFixture(t, func(http.ResponseWriter, *http.Request) {})
	fx.put(func(e *Endpoint) { e.Off = true })
	a, err := fx.Test(t.Context(), fx.row)
	if err != nil || a.Why != "" || a.Status != 200 || len(fx.received) != 1 || fx.received[0].Header.Get("ce-type") != testType {
		t.Errorf("%+v, %v, %d requests", a, err, len(fx.received))
	}
	fx.consent = ""
	fx.put(func(e *Endpoint) { e.Consented = time.Time{} })
	if a, err = fx.Test(t.Context(), fx.row); err != nil || !strings.Contains(a.Why, "consent") {
		t.Errorf("without consent: %+v, %v", a, err)
	}
}

// TestAllowedRate: a copy that has to wait for its turn occupies nobody: its lane does.
func TestAllowedRate(t *testing.T) {
	fx := newFixture(t, func(http.ResponseWriter, *http.Request) {})
	fx.put(func(e *Endpoint) { e.Consented, e.Rate = noon, 2 })
	if d, err := fx.send(0, copyOf("1")); err != nil || d.State != store.Sent {
		t.Fatalf("%+v %v", d, err)
	}
	d, err := fx.send(0, copyOf("2"))
	if pause := fx.Pause(store.Lane{}, err); !errors.Is(err, lane.ErrHeld) || d.Attempts != 0 || d.State != store.Waiting || pause <= mostHeld || pause > 30*time.Second || len(fx.bodies) != 1 {
		t.Errorf("%+v %v, pause %v", d, err, pause)
	}
}

// TestPace: requests take turns, those of several lanes too.
func TestPace(t *testing.T) {
	p := pace{next: map[int64]time.Time{}}
	for _, c := range []struct {
		row   int64
		after time.Duration
		wait  time.Duration
	}{{1, 0, 0}, {2, 0, 0}, {1, 0, 30 * time.Second}, {1, 29 * time.Second, time.Second}, {1, 29 * time.Second, 31 * time.Second}, {1, 2 * time.Minute, 0}} {
		if got := p.turn(c.row, 2, noon.Add(c.after)); got != c.wait {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

package mns_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/form"
	"nems/internal/mesh"
	"nems/internal/mns"
	"nems/internal/store"
)

// boxes are one mailbox and one endpoint that leads there.
type boxes struct {
	target form.Target
	box    store.Mailbox
	sent   []store.Message
	fails  error // of the next send, after the message is there
}

func (b *boxes) Mailbox(_ context.Context, id string) (store.Mailbox, error) {
	if id != b.box.ID {
		return store.Mailbox{}, store.ErrNotFound
	}
	return b.box, nil
}

func (b *boxes) Endpoint(context.Context, int64) (store.Endpoint, error) {
	return store.Endpoint{Mailbox: store.Mailbox{Row: 7, ODS: "RR8"}, Channel: store.SignalChannel, Value: b.target.Pack()}, nil
}

func (b *boxes) Send(_ context.Context, m store.Message, _ []byte, _ *audit.Entry) error {
	if quota, is := b.fails.(*store.QuotaError); is {
		return quota
	}
	b.sent = append(b.sent, m)
	return b.fails
}

func (b *boxes) SentByLocalID(_ context.Context, sender, localID string) (out []store.Message, err error) {
	for _, m := range b.sent {
		if m.Sender == sender && m.LocalID == localID {
			out = append(out, m)
		}
	}
	return out, nil
}

func (b *boxes) NextPosition() store.EventID { return store.EventID(len(b.sent) + 1) }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func newSender(b *boxes, at time.Time) *mns.Sender {
	return mns.NewSender(mns.SenderConfig{Boxes: b, NEMS: "X26NEMS", Body: mns.Bodies("https://x", false, nil), Now: func() time.Time { return at }})
}

func newBoxes() *boxes {
	return &boxes{
		target: form.Target{Endpoint: "e", Payload: "application/json", Type: "a-1", Mailbox: "A", Workflow: "W"},
		box:    store.Mailbox{Row: 1, ID: "A", ODS: "RR8"},
	}
}

var (
	copied   = store.Delivery{ID: "d-1", Event: 5, Mailbox: 7, Code: "mns.a-1", State: store.Waiting}
	accepted = store.Event{Message: []byte(`{"specversion":"1.0","id":"1","source":"s","type":"a-1","time":"2020-06-01T13:00:00Z"}`)}
)

// TestOneSignalForEachCopy: where the outcome of a send is not known, the message is
// looked for before it is sent again.
func TestOneSignalForEachCopy(t *testing.T) {
	b := newBoxes()
	b.fails = store.ErrUnknown
	s := newSender(b, noon)
	d, err := s.Send(t.Context(), store.Lane{}, copied, accepted)
	if d.State != store.Waiting || !errors.Is(err, store.ErrUnknown) || len(b.sent) != 1 {
		t.Fatalf("%s, %v, %d messages", d.State, err, len(b.sent))
	}
	b.fails = nil
	if !d.Uncertain {
		t.Error("a send whose outcome is not known is not uncertain")
	}
	if d, err = s.Send(t.Context(), store.Lane{}, d, accepted); d.State != store.Sent || err != nil || len(b.sent) != 1 {
		t.Errorf("%s, %v, %d messages", d.State, err, len(b.sent))
	}
	if m := b.sent[0]; m.Workflow != "W" || m.Recipient != "A" || m.Sender != "X26NEMS" || m.ContentType != "application/json" || m.LocalID != "d-1" || m.FileName != "a-1_5.json" {
		t.Errorf("%+v", m)
	}
}

// TestSignalsThatCannotBeSent wait, are set aside, or are given up after five days.
func TestSignalsThatCannotBeSent(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*boxes, *store.Delivery)
		event  store.Event
		state  store.State
	}{
		"no room": {func(b *boxes, _ *store.Delivery) { b.fails = &store.QuotaError{} }, accepted, store.Waiting},
		"no room for five days": {func(b *boxes, d *store.Delivery) {
			b.fails = &store.QuotaError{}
			d.First = noon.Add(-5 * 24 * time.Hour)
		}, accepted, store.Undeliverable},
		"the mailbox is gone": {func(b *boxes, _ *store.Delivery) { b.box.ID = "B" }, accepted, store.Parked},
		"another owner":       {func(b *boxes, _ *store.Delivery) { b.box.ODS = "X26" }, accepted, store.Parked},
		"another MESH":        {func(b *boxes, _ *store.Delivery) { b.box.Remote = true }, accepted, store.Waiting},
		"the endpoint is off": {func(b *boxes, _ *store.Delivery) { b.target.Off = true }, accepted, store.Waiting},
		"no JSON":             {func(*boxes, *store.Delivery) {}, store.Event{Message: []byte("<xml/>")}, store.Parked},
	} {
		b, d := newBoxes(), copied
		test.change(b, &d)
		got, err := newSender(b, noon).Send(t.Context(), store.Lane{}, d, test.event)
		if got.State != test.state || err == nil || got.ErrorText == "" || len(b.sent) != 0 {
			t.Errorf("%s: %s, %v", name, got.State, err)
		}
	}
	s := newSender(newBoxes(), noon)
	if first, last := s.Pause(store.Lane{Failures: 1}, nil), s.Pause(store.Lane{Failures: 50}, nil); first != time.Second || last != 15*time.Minute {
		t.Errorf("pauses from %s to %s", first, last)
	}
}

// TestRefusalsOfARemoteMESH: a signal whose outcome is not known is asked for and not sent
// blindly; one that the MESH will never take is set aside.
func TestRefusalsOfARemoteMESH(t *testing.T) {
	for name, test := range map[string]struct {
		tracking, outbox int // what the MESH answers
		uncertain        bool
		state            store.State
		sends            int
		after            bool // it is uncertain afterwards
	}{
		"taken":                          {outbox: 202, state: store.Sent, sends: 1},
		"no such mailbox":                {outbox: 417, state: store.Parked, sends: 1},
		"not known to it":                {outbox: 403, state: store.Waiting, sends: 1},
		"broken":                         {outbox: 500, state: store.Waiting, sends: 1, after: true},
		"not there":                      {tracking: 404, outbox: 202, uncertain: true, state: store.Sent, sends: 1},
		"nobody can say whether it came": {tracking: 503, outbox: 202, uncertain: true, state: store.Waiting, after: true},
		"it came":                        {tracking: 200, uncertain: true, state: store.Sent},
	} {
		t.Run(name, func(t *testing.T) {
			sends := 0
			there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.Method == http.MethodGet {
					w.WriteHeader(test.tracking)
					_, _ = io.WriteString(w, `{"messageId":"M1","message_id":"M1"}`)
					return
				}
				sends++
				w.WriteHeader(test.outbox)
				_, _ = io.WriteString(w, `{"messageID":"M1","message_id":"M1"}`)
			}))
			defer there.Close()
			remote, err := mesh.NewClient(mesh.ClientConfig{URL: there.URL, Mailbox: "X26NEMS", Password: "p", SharedKey: []byte("k")})
			if err != nil {
				t.Fatal(err)
			}
			defer remote.Close()
			b, d := newBoxes(), copied
			b.box.Remote, d.Uncertain = true, test.uncertain
			s := newSender(b, noon)
			s.Remote = remote
			d, err = s.Send(t.Context(), store.Lane{}, d, accepted)
			if d.State != test.state || sends != test.sends || (err == nil) != (test.state == store.Sent) || d.State != store.Sent && d.Uncertain != test.after {
				t.Errorf("%s, %d sends, uncertain: %t, %v", d.State, sends, d.Uncertain, err)
			}
		})
	}
}

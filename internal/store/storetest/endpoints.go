package storetest

import (
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// endpoint makes an endpoint that hears of jack.
func (th *harness) endpoint(id string) store.Endpoint {
	th.Helper()
	e := store.Endpoint{Mailbox: store.Mailbox{Row: th.remote(id), ID: id, ODS: "RR8", Remote: true}, Channel: store.WebhookChannel, Value: []byte(`{"url":"one"}`)}
	th.must(th.PutEndpoint(th.ctx(), e, audit.Entry{Action: audit.ActionPutEndpoint}))
	e.Version++
	return e
}

// The lanes of endpoints are their channel's, those of mailboxes the MESH's.
func endpointLanes(t *testing.T, th *harness) {
	th.remote("FAR")
	th.endpoint("HOOK")
	event := th.publish().Event
	if l := th.claim("mesh"); l.MailboxID != "FAR" {
		t.Errorf("the MESH's: %+v", l)
	}
	claim := func() []store.Lane {
		t.Helper()
		lanes, err := th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 10)
		th.must(err)
		return lanes
	}
	lanes := claim()
	if len(lanes) != 1 || lanes[0].MailboxID != "HOOK" || len(claim()) != 0 {
		t.Fatalf("the endpoints': %+v", lanes)
	}
	l := lanes[0]
	d := th.next(l)[0]
	if d.Event != event || len(d.Tries) != 0 {
		t.Errorf("waiting: %+v", d)
	}
	for n := range store.MostTries + 2 {
		d.Tried(store.Attempt{At: epoch, Status: 500 + n, Took: time.Second, Why: "answered"})
	}
	d.ErrorText = "answered 500"
	th.must(th.Settle(th.ctx(), l, d, lease))
	if got := th.next(l)[0]; len(got.Tries) != store.MostTries || got.Tries[0] != d.Tries[0] || got.Tries[0].Status != 502 {
		t.Errorf("the log: %+v", got.Tries)
	}
	// A pause of a day is kept, one that a clock set back made is not.
	th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now().Add(24*time.Hour)))
	th.clock.advance(23 * time.Hour)
	if lanes := claim(); len(lanes) != 0 {
		t.Errorf("not due: %+v", lanes)
	}
	th.clock.advance(time.Hour)
	if lanes := claim(); len(lanes) != 1 {
		t.Errorf("due: %+v", lanes)
	}
}

// An endpoint is changed by whoever has read it last, and an operator's change
// makes its lane due.
func endpointChanges(t *testing.T, th *harness) {
	e := th.endpoint("HOOK")
	got, err := th.Endpoint(th.ctx(), e.Mailbox.Row)
	if err != nil || got.Version != 1 || string(got.Value) != string(e.Value) || got.Mailbox.ID != "HOOK" || got.Mailbox.ODS != "RR8" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = th.Endpoint(th.ctx(), th.remote("FAR"))
	th.wantError("a mailbox is none", err, store.ErrNotFound)
	again := e
	again.Version = 0
	th.wantError("put twice", th.PutEndpoint(th.ctx(), again, audit.Entry{}), store.ErrChanged)
	e.Value = []byte(`{"url":"two"}`)
	th.must(th.NoteEndpoint(th.ctx(), e))
	th.wantError("an old version", th.NoteEndpoint(th.ctx(), e), store.ErrChanged)
	th.wantError("an old version", th.PutEndpoint(th.ctx(), e, audit.Entry{}), store.ErrChanged)

	th.publish()
	lanes, err := th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 1)
	th.must(err)
	lanes[0].Failures = 7
	th.must(th.ReleaseLane(th.ctx(), lanes[0], th.clock.Now().Add(time.Hour)))
	e.Version++
	th.must(th.PutEndpoint(th.ctx(), e, audit.Entry{Action: audit.ActionPutEndpoint}))
	if lanes, err = th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 1); err != nil || len(lanes) != 1 || lanes[0].Failures != 0 {
		t.Errorf("not due at once: %+v, %v", lanes, err)
	}
	th.endpoint("OTHER")
	all, err := th.EndpointsAfter(th.ctx(), 0, 10)
	if err != nil || len(all) != 2 || all[0].Mailbox.ID != "HOOK" || string(all[0].Value) != `{"url":"two"}` || all[0].Version != 3 {
		t.Errorf("all: %+v, %v", all, err)
	}
	if rest, err := th.EndpointsAfter(th.ctx(), all[0].Mailbox.Row, 1); err != nil || len(rest) != 1 || rest[0].Mailbox.ID != "OTHER" {
		t.Errorf("the rest: %+v, %v", rest, err)
	}
	if own, err := th.EndpointsOf(th.ctx(), "RR8", store.WebhookChannel, all[0].Mailbox.Row, 10); err != nil || len(own) != 1 || own[0].Mailbox.ID != "OTHER" {
		t.Errorf("an organisation's: %+v, %v", own, err)
	}
	for ods, c := range map[nhs.ODSCode]store.Channel{"RR8": store.QueueChannel, "X26": store.WebhookChannel} {
		if none, err := th.EndpointsOf(th.ctx(), ods, c, 0, 10); err != nil || len(none) > 0 {
			t.Errorf("those of %s on %s: %+v, %v", ods, c, none, err)
		}
	}
	boxes, err := th.MailboxesAfter(th.ctx(), 0, 10)
	if err != nil || len(boxes) != 1 || boxes[0].ID != "FAR" {
		t.Errorf("mailboxes: %+v, %v", boxes, err)
	}
	th.verify()
}

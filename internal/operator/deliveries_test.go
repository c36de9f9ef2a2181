package operator_test

import (
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/subscription"
)

// accepted gives a remote mailbox copies of n events and returns the
// subscription that asked for them.
func accepted(t *testing.T, db *sqlite.DB, box string, n int) subscription.ID {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := db.PutMailbox(ctx, store.Mailbox{ID: box, ODS: "RR8", Remote: true})
	must(err)
	patient, err := nhs.ParseNHSNumber("9912003888")
	must(err)
	criteria, err := subscription.ParseCriteria("/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1")
	must(err)
	id := subscription.NewID(now)
	must(db.Subscribe(ctx, subscription.Subscription{ID: id, ASID: "200000000115", ODS: "RR8", Mailbox: box, Criteria: criteria,
		Status: subscription.Active, Reason: "test", Created: now, Version: 1}, audit.Entry{At: now, Action: "subscribe"}))
	for range n {
		event, body := db.NextPosition(), []byte("<Bundle/>")
		_, err := db.AcceptEvent(ctx, store.Acceptance{Event: event, Code: "vaccinations-1", Kind: "new", Workflow: "VACCINATIONS_1", MessageID: "m",
			Publisher: "300000000161", Body: store.Compress(body, sha256.Sum256(body)), Audit: audit.Entry{At: now, Action: "publish"},
			Facts: subscription.Facts{EventCode: "vaccinations-1", At: db.Moment(event), Keys: []subscription.RouteKey{{Kind: subscription.ByPatient, Value: patient.Digits()}}}})
		must(err)
	}
	return id
}

// Deliveries are found by their filters, parked, retried and shown, with an
// audit entry each; what is in no state for a move is left and named.
func TestDeliveries(t *testing.T) {
	ctx := t.Context()
	for _, kind := range []string{"desk", "client"} {
		t.Run(kind, func(t *testing.T) {
			d := newDesk(t)
			db, ok := d.Store.(*sqlite.DB)
			if !ok {
				t.Fatal("another store")
			}
			id := accepted(t, db, "FAR", 3)
			accepted(t, db, "FARTHER", 1)
			var face operator.Face = d
			if kind == "client" {
				face = newClient(t, d)
			}
			find := func(f operator.DeliveryFilter) []operator.Delivery {
				return all(t, operator.Each(ctx, face, operator.FindDeliveries, operator.Matching(f)))
			}
			move := func(move operator.Move, ids []string) (operator.Moved, error) {
				return operator.MoveDeliveries.Do(ctx, face, operator.Moving{Move: move, IDs: ids})
			}
			far := find(operator.DeliveryFilter{Mailbox: "far"})
			if len(far) != 4 || far[0].State != store.Waiting || far[0].Mailbox != "FAR" {
				t.Fatalf("%+v", far)
			}
			if got := find(operator.DeliveryFilter{Subscription: id.String()}); len(got) != 4 || !slices.Contains(got[0].Subscriptions, id.String()) {
				t.Errorf("by subscription: %+v", got)
			}
			if got := find(operator.DeliveryFilter{Event: far[3].Event}); len(got) != 2 {
				t.Errorf("by event: %+v", got)
			}
			ids := []string{far[0].ID, far[2].ID, "none"}
			if done, err := move(operator.Park, ids); err != nil || done.Moved != 2 || !slices.Equal(done.Left, []string{"none"}) {
				t.Errorf("parked: %+v, %v", done, err)
			}
			if got := find(operator.DeliveryFilter{State: store.Parked}); len(got) != 2 || got[1].ID != far[2].ID {
				t.Errorf("parked: %+v", got)
			}
			if done, err := move(operator.Retry, ids[:1]); err != nil || done.Moved != 1 {
				t.Errorf("retried: %+v, %v", done, err)
			}
			if got, err := operator.ShowDelivery.Do(ctx, face, operator.DeliveryRef{ID: far[0].ID}); err != nil || got.State != store.Waiting {
				t.Errorf("shown: %+v, %v", got, err)
			}
			refusedMoves(t, face)
			eventually(t, "audited", func() bool {
				return len(all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "delivery-park"})))) == 2 && len(all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "delivery-retry"})))) == 1
			})
		})
	}
}

func refusedMoves(t *testing.T, d operator.Face) {
	t.Helper()
	ctx := t.Context()
	if _, err := operator.MoveDeliveries.Do(ctx, d, operator.Moving{Move: "drop"}); !errors.Is(err, operator.Invalid) {
		t.Errorf("no such move: %v", err)
	}
	if _, err := operator.ShowDelivery.Do(ctx, d, operator.DeliveryRef{ID: "zzz-1"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such delivery: %v", err)
	}
	for name, f := range map[string]operator.DeliveryFilter{"state": {State: "lost"}, "subscription": {Subscription: "x"}} {
		for _, err := range operator.Each(ctx, d, operator.FindDeliveries, operator.Matching(f)) {
			if !errors.Is(err, operator.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

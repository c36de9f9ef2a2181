package storetest

import (
	"errors"
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// replaced subscriptions match what the new criteria ask for, from then on, under the
// same id, and nothing else. Nothing of that happens where it is refused.
func replaced(t *testing.T, th *harness) {
	first, second := th.mailbox("A"), th.mailbox("B")
	th.mailbox("C")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	twin := th.subscribe("C", ofPatient(jack, vaccination))
	before := th.publish()

	change := func(mailbox, criteria string) error {
		next := th.subscription(mailbox, criteria)
		next.ID = s.ID
		box, err := th.Mailbox(th.ctx(), mailbox)
		th.must(err)
		e, err := th.Endpoint(th.ctx(), box.Row)
		if err != nil {
			th.wantError("an endpoint", err, store.ErrNotFound)
			e = store.Endpoint{Channel: store.SignalChannel}
		}
		e.Mailbox, e.Value = box, []byte("{}")
		return th.ReplaceWith(th.ctx(), next, store.Brought{Endpoint: e, Audit: entry("endpoint-put")}, entry("subscribe"))
	}
	var duplicate *store.DuplicateError
	if err := change("C", ofPatient(jack, vaccination)); !errors.As(err, &duplicate) || duplicate.ID != twin.ID {
		t.Errorf("as another one: %v", err)
	}
	if all, err := th.EndpointsAfter(th.ctx(), 0, 10); err != nil || len(all) > 0 {
		t.Errorf("what was refused has left %+v, %v", all, err)
	}
	still := th.publish()
	th.must(change("b", ofPatient(jack, "pds-change-of-gp-1", vaccination)))
	th.must(change("b", ofPatient(jack, "pds-change-of-gp-1", vaccination))) // it is not a duplicate of itself
	after := th.publish()
	th.wantInbox("before", first, before.Event, still.Event)
	th.wantInbox("after", second, after.Event)
	got, err := th.Subscription(th.ctx(), s.ID)
	if err != nil || got.Mailbox != "b" || len(got.Criteria.Events) != 2 || got.Version != s.Version+2 {
		t.Errorf("replaced: %+v, %v", got, err)
	}
	if drift, err := th.RecountQuotas(th.ctx()); err != nil || len(drift) > 0 {
		t.Errorf("quotas: %+v, %v", drift, err)
	}
	th.must(th.EndSubscription(th.ctx(), store.Ending{ID: s.ID, From: subscription.Active, At: th.clock.Now(), Reason: "r"}, entry("end")))
	th.clock.advance(time.Second)
	th.wantError("after its end", change("A", ofPatient(jack, vaccination)), store.ErrNotFound)
	th.must(th.Delete(th.ctx(), s.ID, entry("delete")))
	th.wantError("after its deletion", change("A", ofPatient(jack, vaccination)), store.ErrNotFound)
}

// everybody wants an event of the MNS whose criteria name neither patient nor
// practice, whoever the event is about; and criteria of the MNS are kept as they were
// written.
func everybody(t *testing.T, th *harness) {
	box := th.mailbox("A")
	criteria, err := subscription.ParseMNSCriteria("eventType='imms-vaccination-record-change-1' AND action='CREATE'")
	th.must(err)
	s := th.subscription("A", ofPatient(jack, vaccination))
	s.Criteria = criteria
	th.must(th.Subscribe(th.ctx(), s, entry("subscribe")))
	got, err := th.Subscription(th.ctx(), s.ID)
	if err != nil || got.Criteria.Normal() != criteria.Normal() || got.Criteria.Text != criteria.Text {
		t.Errorf("kept as %q, %v", got.Criteria.Text, err)
	}
	known := th.publish(keys(subscription.Everybody))
	th.publish()
	th.wantInbox("only under the key of everybody", box, known.Event)
	if e, err := th.AcceptedEvent(th.ctx(), known.Event); err != nil || e.Facts == nil || len(e.Facts.Keys) != 1 || e.Facts.Keys[0] != subscription.Everybody {
		t.Errorf("the facts of its acceptance: %+v, %v", e.Facts, err)
	}
	th.must(th.Delete(th.ctx(), s.ID, entry("delete")))
	if r := th.publish(keys(subscription.Everybody)); r.Copies != 0 {
		t.Error("it matched after its deletion")
	}
}

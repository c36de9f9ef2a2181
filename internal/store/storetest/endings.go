package storetest

import (
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// endings are final: what an operator has ended or rejected matches nothing that is
// accepted later, reads as off with the reason, keeps no equal one out, and frees its
// quota.
func endings(t *testing.T, th *harness) {
	th.limit(store.Quotas{System: 2})
	box := th.mailbox("A")
	live := th.subscribe("A", ofPatient(jack, vaccination))
	waiting := th.subscription("A", ofPatient(other, vaccination))
	waiting.Status = subscription.Requested
	th.must(th.Subscribe(th.ctx(), waiting, entry("subscribe")))
	before := th.publish()
	deferred := th.publish(postponed)
	th.clock.advance(time.Second)

	end := func(id subscription.ID, from subscription.Status) error {
		return th.EndSubscription(th.ctx(), store.Ending{ID: id, From: from, At: th.clock.Now(), Reason: "not <b>needed</b>"}, entry("end"))
	}
	th.wantError("rejecting an active one", end(live.ID, subscription.Requested), store.ErrNotFound)
	th.wantError("ending one that waits", end(waiting.ID, subscription.Active), store.ErrNotFound)
	th.wantError("ending an unknown one", end(subscription.NewID(th.clock.Now()), subscription.Active), store.ErrNotFound)
	third := th.subscription("A", ofPatient(number("9990000204"), vaccination))
	th.wantQuota("a third", th.Subscribe(th.ctx(), third, entry("subscribe")), store.SystemQuota, 2)
	th.must(end(live.ID, subscription.Active))
	th.must(end(waiting.ID, subscription.Requested))
	th.wantError("ending it again", end(live.ID, subscription.Active), store.ErrNotFound)
	th.wantError("approving a rejected one", th.Approve(th.ctx(), waiting.ID, entry("approve")), store.ErrNotFound)
	for id, rejected := range map[subscription.ID]bool{live.ID: false, waiting.ID: true} {
		s, err := th.Subscription(th.ctx(), id)
		if err != nil || s.Status != subscription.Off || s.Error != "not <b>needed</b>" || s.Rejected != rejected || s.Version != 2 || !s.End.Equal(th.clock.Now()) {
			t.Errorf("ended: %+v, %v", s, err)
		}
	}
	if r := th.publish(); r.Copies != 0 {
		t.Error("it matched after its end")
	}
	if r, err := th.RouteEvent(th.ctx(), th.routed(deferred.Event)); err != nil || r.Copies != 0 {
		t.Errorf("an event that had waited: %d copies, %v", r.Copies, err)
	}
	again := th.subscribe("A", ofPatient(jack, vaccination))
	after := th.publish()
	th.wantInbox("before the end, and by the next", box, before.Event, after.Event)
	th.must(th.Delete(th.ctx(), live.ID, entry("delete")))
	if drift, err := th.RecountQuotas(th.ctx()); err != nil || len(drift) > 0 {
		t.Errorf("quotas: %+v, %v", drift, err)
	}
	th.clock.advance(40 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	_, err := th.Subscription(th.ctx(), waiting.ID)
	th.wantError("long after it was rejected", err, store.ErrNotFound)
	if _, err := th.Subscription(th.ctx(), again.ID); err != nil {
		t.Errorf("the one that lives: %v", err)
	}
	th.verify()
}

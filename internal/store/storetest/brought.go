package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/ledger"
	"nems/internal/subscription"
)

// bringer subscribes with an endpoint that is brought along.
type bringer struct {
	*harness
	id, url string
	version int64
	alone   bool
}

func (th *harness) bringing(id string) *bringer {
	return &bringer{th, id, "https://hooks.example.nhs.uk/" + id, 0, true}
}

// with is what is brought along.
func (b *bringer) with() store.Brought {
	return store.Brought{Alone: b.alone, Audit: entry(audit.ActionPutEndpoint), Endpoint: store.Endpoint{
		Mailbox: store.Mailbox{ID: b.id, Name: "brought along", ODS: "RR8", Remote: true}, Channel: store.RestHookChannel, Value: []byte(`{"url":"` + b.url + `"}`), Version: b.version,
	}}
}

func (b *bringer) subscribe() (subscription.Subscription, int64, error) {
	s := b.subscription(b.id, ofPatient(jack, vaccination))
	row, err := b.SubscribeWith(b.ctx(), s, b.with(), entry("subscribe"))
	return s, row, err
}

// wantNothing checks that nothing is left of an endpoint.
func (b *bringer) wantNothing(what string) {
	b.Helper()
	_, err := b.Mailbox(b.ctx(), b.id)
	b.wantError(what, err, store.ErrNotFound)
	all, err := b.EndpointsAfter(b.ctx(), 0, 100)
	b.must(err)
	for _, e := range all {
		if e.Mailbox.ID == b.id {
			b.Errorf("%s: the endpoint %s is there", what, b.id)
		}
	}
}

// brought endpoints are stored with their subscription, or not at all.
func brought(t *testing.T, th *harness) {
	th.limit(store.Quotas{System: 2, Endpoints: 3})
	one := th.bringing("ONE")
	s, row, err := one.subscribe()
	th.must(err)
	e, err := th.Endpoint(th.ctx(), row)
	if err != nil || e.Mailbox.ID != "ONE" || e.Mailbox.ODS != "RR8" || !e.Mailbox.Remote || e.Version != 1 || string(e.Value) != string(one.with().Endpoint.Value) {
		t.Errorf("%+v, %v", e, err)
	}
	if r := th.publish(); r.Copies != 1 {
		t.Errorf("%d copies", r.Copies)
	}
	var twin *store.DuplicateError
	if _, _, err := one.subscribe(); !errors.As(err, &twin) || twin.ID != s.ID {
		t.Errorf("a second one of an endpoint that has one: %v", err)
	}
	one.version, one.alone, one.url = 7, false, "https://other.example.nhs.uk/"
	_, _, err = one.subscribe()
	th.wantError("of another version", err, store.ErrChanged)
	_, _, err = th.bringing("TWO").subscribe()
	th.must(err)
	three := th.bringing("THREE")
	_, _, err = three.subscribe()
	th.wantQuota("a third of the system", err, store.SystemQuota, 2)
	three.wantNothing("refused for the quota")
	if r := th.publish(); r.Copies != 2 {
		t.Errorf("%d copies", r.Copies)
	}
	th.limit(store.Quotas{Endpoints: 3})
	_, _, err = th.bringing("THREE").subscribe()
	th.must(err)
	four := th.bringing("FOUR")
	_, _, err = four.subscribe()
	th.wantQuota("a fourth endpoint", err, store.EndpointsQuota, 3)
	four.wantNothing("refused for the quota of endpoints")
	if n := th.QuotaRefusals(store.EndpointsQuota); n != 1 {
		t.Errorf("%d refusals are counted", n)
	}
	th.endpoint("OPERATORS") // counts for nobody
	th.verify()
}

// heldAddresses are those that an operator has switched off, for their organisation.
func heldAddresses(t *testing.T, th *harness) {
	one := th.bringing("ONE")
	s, row, err := one.subscribe()
	th.must(err)
	e, err := th.Endpoint(th.ctx(), row)
	th.must(err)
	e.Value = []byte(`{"url":"` + one.url + `?key=1","off":true,"why":"` + store.SwitchedOff + `"}`)
	th.must(th.PutEndpoint(th.ctx(), e, entry(audit.ActionPutEndpoint)))
	var held *store.HeldError
	two := th.bringing("TWO")
	two.url = one.url + "?key=2"
	if _, _, err := two.subscribe(); !errors.As(err, &held) {
		t.Errorf("the same address with another query: %v", err)
	}
	two.wantNothing("held")
	next := s
	next.Mailbox = "TWO"
	if err := th.ReplaceWith(th.ctx(), next, two.with(), entry("subscribe")); !errors.As(err, &held) {
		t.Errorf("a subscription that moves there: %v", err)
	}
	// It stays held when nobody needs the endpoint any more.
	th.must(th.Delete(th.ctx(), s.ID, entry("delete")))
	th.passes(2 * ledger.IdleLife)
	if _, _, err := two.subscribe(); !errors.As(err, &held) {
		t.Errorf("after the subscription was deleted: %v", err)
	}
	e.Version++
	e.Value = one.with().Endpoint.Value
	th.must(th.PutEndpoint(th.ctx(), e, entry(audit.ActionPutEndpoint)))
	_, _, err = two.subscribe()
	th.must(err)
}

// passes lets time pass with the rounds of housekeeping that notice.
func (th *harness) passes(all time.Duration) {
	th.Helper()
	for range 4 {
		th.must(th.Housekeep(th.ctx()))
		th.clock.advance(all / 4)
	}
	th.must(th.Housekeep(th.ctx()))
}

// idleEndpoints go when nothing needs them any more, and their numbers are not given
// again.
func idleEndpoints(t *testing.T, th *harness) {
	one, two := th.bringing("ONE"), th.bringing("TWO")
	first, _, err := one.subscribe()
	th.must(err)
	second, row, err := two.subscribe()
	th.must(err)
	th.must(th.Delete(th.ctx(), second.ID, entry("delete")))
	th.publish()
	operators := th.endpoint("OPERATORS") // it has no part in the event
	th.passes(ledger.IdleLife / 2)
	if _, err := th.Endpoint(th.ctx(), row); err != nil {
		t.Errorf("at once: %v", err)
	}
	th.passes(2 * ledger.IdleLife)
	two.wantNothing("idle")
	three := th.bringing("THREE")
	third, again, err := three.subscribe()
	th.must(err)
	if again <= row {
		t.Errorf("the row %d was given again after %d", again, row)
	}
	// What waits, and what was delivered, is still somebody's.
	th.must(th.Delete(th.ctx(), first.ID, entry("delete")))
	th.must(th.Delete(th.ctx(), third.ID, entry("delete")))
	th.passes(2 * ledger.IdleLife)
	three.wantNothing("nothing was delivered")
	box, err := th.Mailbox(th.ctx(), "ONE")
	th.must(err)
	if n := len(th.inbox(box.Row)); n != 1 {
		t.Fatalf("%d copies wait", n)
	}
	lanes, err := th.ClaimEndpoints(th.ctx(), store.RestHookChannel, "hooks", lease, 10)
	th.must(err)
	if len(lanes) != 1 {
		t.Fatalf("lanes: %+v", lanes)
	}
	d := th.next(lanes[0])[0]
	d.State = store.Sent
	th.must(th.Settle(th.ctx(), lanes[0], d, lease))
	th.must(th.ReleaseLane(th.ctx(), lanes[0], th.clock.Now()))
	th.passes(2 * ledger.IdleLife)
	if _, err := th.Endpoint(th.ctx(), box.Row); err != nil {
		t.Errorf("while its deliveries can be looked up: %v", err)
	}
	th.clock.advance(31 * 24 * time.Hour)
	th.passes(2 * ledger.IdleLife)
	one.wantNothing("after retention")
	if _, err := th.Endpoint(th.ctx(), operators.Mailbox.Row); err != nil {
		t.Errorf("an operator's: %v", err)
	}
	if _, _, err := one.subscribe(); err != nil {
		t.Errorf("again: %v", err)
	}
	th.verify()
}

// broughtAtOnce asks for one endpoint that shall have one subscription.
func broughtAtOnce(t *testing.T, th *harness) {
	const many = 16
	one := th.bringing("ONE")
	ids, errs := make([]subscription.ID, many), make([]error, many)
	var busy sync.WaitGroup
	for i := range many {
		s := th.subscription("ONE", ofPatient(jack, vaccination)+"&tag="+fmt.Sprint(i))
		ids[i] = s.ID
		busy.Go(func() { _, errs[i] = th.SubscribeWith(th.ctx(), s, one.with(), entry("subscribe")) })
	}
	busy.Wait()
	var made subscription.ID
	for i, err := range errs {
		if err == nil {
			if !made.IsZero() {
				t.Fatal("two were made")
			}
			made = ids[i]
		}
	}
	for i, err := range errs {
		var twin *store.DuplicateError
		if err != nil && (!errors.As(err, &twin) || twin.ID != made) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if r := th.publish(); r.Copies != 1 {
		t.Errorf("%d copies", r.Copies)
	}
	// One that is suspended has its endpoint still.
	if changed, err := th.SuspendAll(th.ctx(), []store.Suspension{{ID: made, Why: "why", Audit: entry("suspend")}}); err != nil || changed != 1 {
		t.Fatalf("suspending: %d, %v", changed, err)
	}
	var twin *store.DuplicateError
	if _, _, err := one.subscribe(); !errors.As(err, &twin) || twin.ID != made {
		t.Errorf("beside one that is suspended: %v", err)
	}
}

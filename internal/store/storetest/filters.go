package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/store"
	"nems/internal/subscription"
)

// england is the route key that everybody's events have.
var england = subscription.RouteKey{Kind: subscription.ByCountry, Value: "E92000001"}

// create keeps subscriptions, with one commit, and returns what matching knows of
// them.
func (th *harness) create(boxes map[string]int64, all []subscription.Subscription) []subscription.Candidate {
	th.Helper()
	var creations []store.Creation
	var candidates []subscription.Candidate
	for _, s := range all {
		creations = append(creations, store.Creation{Subscription: s, Audit: entry("subscribe")})
		candidates = append(candidates, subscription.Candidate{ID: s.ID, Mailbox: boxes[s.Mailbox], Key: s.Criteria.Key(), Ages: s.Criteria.Ages,
			Registration: s.Criteria.Registration, Status: s.Status, End: s.End, Tag: s.Criteria.Tag})
	}
	errs, err := th.SubscribeAll(th.ctx(), creations)
	for _, err := range append(errs, err) {
		th.must(err)
	}
	return candidates
}

// wantCopies compares the copies of an event, and whom they name, with what
// Match says of all subscriptions there are.
func (th *harness) wantCopies(what string, candidates []subscription.Candidate, f subscription.Facts, got store.Receipt) {
	th.Helper()
	want := subscription.Match(candidates, f)
	if got.Copies != len(want) {
		th.Errorf("%s: expected %d copies; received %d", what, len(want), got.Copies)
	}
	boxes, err := th.Mailboxes(th.ctx())
	th.must(err)
	for _, c := range want {
		box := boxes[slices.IndexFunc(boxes, func(b store.Mailbox) bool { return b.Row == c.Mailbox })]
		var filed []store.Delivery
		th.eventually(what+": the copy is filed", func() bool {
			filed, err = th.deliveries(store.DeliveryQuery{Mailbox: box.ID, Event: got.Event, Max: 2})
			return err != nil || len(filed) > 0
		})
		th.must(err)
		named := subscription.Copy{Mailbox: c.Mailbox, Subscriptions: filed[0].Subscriptions, PartnerID: filed[0].PartnerID}
		if diff := cmp.Diff(c, named); diff != "" || len(filed) != 1 {
			th.Errorf("%s: %d copies, %s", what, len(filed), diff)
		}
	}
}

// filters has subscriptions with filters of every kind under few keys, and
// compares what events of all sorts of patients find with Match over all.
func filters(t *testing.T, th *harness) {
	random := rand.New(rand.NewPCG(3, 4))
	boxes := map[string]int64{}
	for i := range 6 {
		id := fmt.Sprintf("FILTER%d", i)
		boxes[id] = th.mailbox(id)
	}
	keys := []string{ofPatient(jack, vaccination), ofRule("COUNTRYCODE", england.Value, vaccination), ofRule("GP_GP_GP", "B86056", vaccination)}
	var all []subscription.Subscription
	for i := range 400 {
		criteria := keys[random.IntN(len(keys))] + fmt.Sprintf("&tag=t%d", i)
		switch low := random.IntN(90); random.IntN(4) {
		case 0:
			criteria += fmt.Sprintf("&Patient.age=%s%d", []string{"", "lt", "le", "gt", "ge"}[random.IntN(5)], low+1)
		case 1:
			criteria += fmt.Sprintf("&Patient.age=ge%d&Patient.age=lt%d", low, low+1+random.IntN(40))
		}
		if random.IntN(3) == 0 {
			criteria += "&GPRegistration=" + []string{"RegisteredOnly", "UnregisteredOnly"}[random.IntN(2)]
		}
		s := th.subscription(fmt.Sprintf("FILTER%d", random.IntN(len(boxes))), criteria)
		switch random.IntN(8) {
		case 0:
			s.Status = subscription.Requested
		case 1:
			s.End = epoch.Add(time.Minute)
		}
		all = append(all, s)
	}
	candidates := th.create(boxes, all)
	publish := func(what string) {
		for range 15 {
			a := th.acceptance(jack, message(1))
			a.Facts.Keys = append(a.Facts.Keys, england, subscription.RouteKey{Kind: subscription.ByPractice, Value: "B86056"})
			if random.IntN(5) > 0 {
				a.Facts.BirthDate = epoch.AddDate(-random.IntN(100), -random.IntN(12), 0)
			}
			if registered := random.IntN(2) == 0; random.IntN(4) > 0 {
				a.Facts.Registered = &registered
			}
			r, err := th.AcceptEvent(th.ctx(), a)
			th.must(err)
			th.wantCopies(what, candidates, a.Facts, r)
		}
	}
	publish("at first")
	th.clock.advance(2 * time.Minute)
	publish("some have ended")
	for i := range all {
		switch {
		case all[i].Status == subscription.Requested:
			th.must(th.Approve(th.ctx(), all[i].ID, entry("approve")))
			candidates[i].Status = subscription.Active
		case i%3 == 0:
			th.must(th.Delete(th.ctx(), all[i].ID, entry("delete")))
			candidates[i].Status = subscription.Off
		}
	}
	th.must(th.Housekeep(th.ctx()))
	publish("some are approved, others deleted")
}

// crowdedKey has far more subscriptions under one key than a transaction looks
// at, most of them of few mailboxes. Each mailbox gets its copy, which names as
// many as a copy names; who came after the acceptance gets none.
func crowdedKey(t *testing.T, th *harness) {
	const mailboxes, each = 20, subscription.MaxNamed + 30
	boxes := map[string]int64{"ENDING": th.mailbox("ENDING"), "LATE": th.mailbox("LATE"), "ONE": th.mailbox("ONE")}
	var all []subscription.Subscription
	add := func(box, criteria string, change ...func(*subscription.Subscription)) {
		s := th.subscription(box, ofRule("COUNTRYCODE", england.Value, vaccination)+fmt.Sprintf("&tag=t%d", len(all))+criteria)
		for _, c := range change {
			c(&s)
		}
		all = append(all, s)
	}
	// What has ended hides nothing that lives.
	for range each {
		add("ENDING", "", func(s *subscription.Subscription) { s.End = epoch.Add(time.Second) })
	}
	add("ENDING", "")
	for n := range mailboxes {
		id := fmt.Sprintf("CROWD%d", n)
		boxes[id] = th.mailbox(id)
		for i := range each {
			add(id, []string{"", "&Patient.age=ge18", "&GPRegistration=RegisteredOnly"}[i%3])
		}
	}
	add("ONE", "&Patient.age=ge18")
	candidates := th.create(boxes, all)
	th.clock.advance(2 * time.Second)

	registered := true
	facts := func(a *store.Acceptance) {
		a.Facts.Keys = append(a.Facts.Keys, england)
		a.Facts.BirthDate, a.Facts.Registered = epoch.AddDate(-40, 0, 0), &registered
	}
	var a store.Acceptance
	keep := func(now *store.Acceptance) { a = *now }
	once := func(a *store.Acceptance) { a.Idempotency = &store.Idempotency{ASID: "300000000161", Key: "crowd"} }
	r := th.publish(facts, once, keep)
	th.wantCopies("crowded", candidates, a.Facts, r)
	again := th.publish(facts, once)
	if !again.Repeated || again.Event != r.Event || again.Copies != r.Copies {
		t.Errorf("again: expected %+v; received %+v", r, again)
	}

	waits := th.publish(facts, postponed, keep)
	th.create(boxes, []subscription.Subscription{th.subscription("LATE", ofRule("COUNTRYCODE", england.Value, vaccination))})
	got, err := th.RouteEvent(th.ctx(), store.Routing{Event: waits.Event, Facts: a.Facts, Audit: entry("route")})
	th.must(err)
	th.wantCopies("crowded and deferred", candidates, a.Facts, got)
	_, err = th.RouteEvent(th.ctx(), store.Routing{Event: waits.Event, Facts: a.Facts, Audit: entry("route")})
	th.wantError("routed twice", err, store.ErrNotFound)
}

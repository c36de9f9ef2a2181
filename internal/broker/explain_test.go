package broker

import (
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// A subscriber is told of age and registration alone, and of these only where
// everything else fits. All else looks the same.
func TestWhatASubscriberIsTold(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	criteria, err := subscription.ParseCriteria("/Bundle?type=message&MessageHeader.event=vaccinations-1" +
		"&subscriptionRuleType=CHO_POSTCODE_CCG&Organization.identifier=15F&Patient.age=lt9&GPRegistration=RegisteredOnly")
	if err != nil {
		t.Fatal(err)
	}
	type change func(*subscription.Subscription, *store.AcceptedEvent)
	for name, test := range map[string]struct {
		change        change
		told, matched bool
	}{
		"it matches":     {func(*subscription.Subscription, *store.AcceptedEvent) {}, true, true},
		"too old":        {func(_ *subscription.Subscription, e *store.AcceptedEvent) { e.Facts.BirthDate = at.AddDate(-9, 0, 0) }, true, false},
		"not registered": {func(_ *subscription.Subscription, e *store.AcceptedEvent) { e.Facts.Registered = new(false) }, true, false},
		"withheld":       {func(_ *subscription.Subscription, e *store.AcceptedEvent) { e.Withheld = true }, false, false},
		"not routed":     {func(_ *subscription.Subscription, e *store.AcceptedEvent) { e.Facts = nil }, false, false},
		"another place":  {func(_ *subscription.Subscription, e *store.AcceptedEvent) { e.Facts.Keys = nil }, false, false},
		"another event":  {func(_ *subscription.Subscription, e *store.AcceptedEvent) { e.Facts.EventCode = "pds-change-of-gp-1" }, false, false},
		"created since":  {func(s *subscription.Subscription, _ *store.AcceptedEvent) { s.Created = at.Add(time.Second) }, false, false},
		"not approved":   {func(s *subscription.Subscription, _ *store.AcceptedEvent) { s.Status = subscription.Requested }, false, false},
		"approved later": {func(s *subscription.Subscription, _ *store.AcceptedEvent) { s.Version = 2 }, false, false},
		"approved, ended": {func(s *subscription.Subscription, _ *store.AcceptedEvent) {
			s.Version, s.Status, s.End = 3, subscription.Off, at.Add(time.Second)
		}, false, false},
		"over":       {func(s *subscription.Subscription, _ *store.AcceptedEvent) { s.End = at }, false, false},
		"unreadable": {func(s *subscription.Subscription, _ *store.AcceptedEvent) { s.Criteria = subscription.Criteria{} }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := subscription.Subscription{Criteria: criteria, Status: subscription.Active, Version: 1, Created: at.Add(-time.Hour)}
			e := store.AcceptedEvent{Facts: &subscription.Facts{EventCode: "vaccinations-1", At: at, Registered: new(true), BirthDate: at.AddDate(-8, 0, 0),
				Keys: []subscription.RouteKey{{Kind: subscription.BySubICBPostcode, Value: "15F"}}}}
			test.change(&s, &e)
			got := tell(&s, &e)
			if got.Told != test.told || got.Matched != test.matched || (len(got.Criteria) == 7) != test.told {
				t.Errorf("received %+v", got)
			}
		})
	}
}

// Of filters by what a publisher says, a subscriber is told whether they held. One by a
// patient or a place that did not hold is kept back like all else.
func TestWhatASubscriberIsToldOfFilters(t *testing.T) {
	action, place := subscription.Filter{Name: "action", Value: "CREATE"}, subscription.Filter{Name: subscription.FilterRegisteredGP, Value: "B86056"}
	for name, test := range map[string]struct {
		attributes    map[string][]string
		told, matched bool
	}{
		"both hold":      {map[string][]string{"action": {"CREATE"}, subscription.FilterRegisteredGP: {"B86056"}}, true, true},
		"another action": {map[string][]string{"action": {"UPDATE"}, subscription.FilterRegisteredGP: {"B86056"}}, true, false},
		"another place":  {map[string][]string{"action": {"CREATE"}, subscription.FilterRegisteredGP: {"E82025"}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			found := []subscription.Finding{action.Explain(test.attributes), place.Explain(test.attributes)}
			got := tellFiltered(Explained{Told: true, Matched: true}, found)
			if got.Told != test.told || got.Matched != test.matched || (len(got.Criteria) == 2) != test.told {
				t.Errorf("received %+v", got)
			}
		})
	}
}

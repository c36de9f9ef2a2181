package nation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"nems/client"
	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/world"
)

// events are what area and explicit subscriptions ask for.
var events = []string{
	"pds-change-of-gp-1", "pds-change-of-address-1", "pds-death-notification-1", "pds-birth-notification-1", "pds-record-change-1", "vaccinations-1",
	"professional-contacts-1", "blood-spot-test-outcome-1", "newborn-hearing-1", "nipe-outcome-1",
}

// box is the nth mailbox of the load.
func box(n int) string { return fmt.Sprintf("NATION%04d", n) }

// prepare makes the sampled people known to the service, and subscribes.
func (l *Load) prepare(ctx context.Context) error {
	w, err := world.New(l.Patients, l.Seed, time.Now().UTC().Truncate(24*time.Hour))
	if err != nil {
		return err
	}
	for _, h := range w.Households {
		for _, p := range h.People {
			l.people = append(l.people, person{p, h})
		}
	}
	for _, p := range l.people {
		if p.child(time.Now()) {
			l.children = append(l.children, p)
		}
	}
	if len(l.children) == 0 {
		return fmt.Errorf("%d people have no child under five among them: sample more", len(l.people))
	}
	if l.Desk == nil {
		return nil
	}
	l.Say("loading %d patients", len(l.people)+l.Explicit)
	if err := l.loadRecords(ctx); err != nil {
		return err
	}
	boxes := make([]operator.Mailbox, l.Mailboxes)
	for n := range boxes {
		boxes[n] = operator.Mailbox{ID: box(n), Name: "Load of a nation", ODS: nhs.ODSCode(l.SubscriberODS), Password: l.Password}
	}
	if err := operator.PutMailboxes.Run(ctx, l.Desk, boxes); err != nil {
		return err
	}
	return l.subscribe(ctx, w)
}

// loadedAtOnce is how many records one request loads.
const loadedAtOnce = 1_000

func (l *Load) loadRecords(ctx context.Context) error {
	var all []operator.LoadedRecord
	taken := map[string]bool{}
	for _, p := range l.people {
		all, taken[p.NHSNumber] = append(all, operator.LoadedRecord{Patient: p.NHSNumber, Record: p.record()}), true
	}
	r := rand.New(rand.NewPCG(l.Seed, 3))
	for len(l.others) < l.Explicit {
		number, exists := nhs.TestNumber(r.IntN(nhs.TestNumbers))
		if !exists || taken[number.Digits()] {
			continue
		}
		taken[number.Digits()] = true
		l.others = append(l.others, number.Digits())
		all = append(all, operator.LoadedRecord{Patient: number.Digits(), Record: l.people[r.IntN(len(l.people))].record()})
	}
	for begin := 0; begin < len(all); begin += loadedAtOnce {
		part := operator.RecordsToLoad{Records: all[begin:min(begin+loadedAtOnce, len(all))]}
		if err := operator.LoadRecords.Run(ctx, l.Desk, part); err != nil {
			return err
		}
	}
	return nil
}

func (p person) record() demographics.Record {
	r := demographics.Record{
		Gender: p.Gender, BirthDate: p.Born,
		Names:     []demographics.Name{{ID: "1", Use: "usual", Given: p.Given, Family: p.Family}},
		Addresses: []demographics.Address{{ID: "1", Use: "home", Lines: p.home.Lines, Postcode: p.home.Postcode}},
	}
	if p.Practice != "" {
		r.Practice = &demographics.Registration{ID: "1", Practice: nhs.ODSCode(p.Practice)}
	}
	return r
}

// areas are the subscriptions by practice and place, each to one event, as generic
// ones are. A nation has some 7,000; those of other places than the sample's are left
// out, because no event of the sample reads them.
func areas(w *world.World) (all []client.Criteria) {
	add := func(c client.Criteria, codes ...string) {
		for _, code := range codes {
			all = append(all, c.Event(code))
		}
	}
	for _, t := range w.Towns {
		for _, p := range t.Practices {
			add(client.Practice(p.Code), "pds-change-of-gp-1", "pds-death-notification-1", "vaccinations-1", "professional-contacts-1")
		}
		add(client.LocalAuthority(t.LocalAuthority), "pds-change-of-address-1", "pds-birth-notification-1")
		add(client.LocalAuthority(t.LocalAuthority).Under(5), "vaccinations-1", "professional-contacts-1", "nipe-outcome-1", "newborn-hearing-1", "blood-spot-test-outcome-1")
		add(client.Country(t.Country), "pds-death-notification-1", "pds-birth-notification-1")
		if t.SubICB != "" {
			add(client.SubICBOfHome(t.SubICB), "pds-change-of-address-1", "pds-birth-notification-1", "pds-record-change-1")
		}
	}
	return all
}

// count counts the subscriptions that there are now. Those of an earlier run are there
// already; what else is refused ends the run.
func (l *Load) count(results []client.Result) error {
	for _, r := range results {
		var refused *client.Error
		switch {
		case r.Err == nil:
			l.subscriptions++
		case errors.As(r.Err, &refused) && len(refused.Issues) > 0 && refused.Issues[0].Code == "DUPLICATE_REJECTED":
		default:
			return fmt.Errorf("a subscription: %w", r.Err)
		}
	}
	return nil
}

// subscribe creates the subscriptions by area, and those to patients: of the sample and
// of others.
func (l *Load) subscribe(ctx context.Context, w *world.World) error {
	all := areas(w)
	r := rand.New(rand.NewPCG(l.Seed, 7))
	for _, other := range l.others {
		all = append(all, client.Explicit(other).Event(events[r.IntN(len(events))]))
	}
	// As many people of the sample are subscribed to as of the whole nation.
	for range int(float64(l.NationalExplicit) * float64(len(l.people)) / People) {
		all = append(all, client.Explicit(l.people[r.IntN(len(l.people))].NHSNumber).Event(events...))
	}
	l.Say("creating %d subscriptions in %d mailboxes", len(all), l.Mailboxes)
	for begin := 0; begin < len(all); begin += client.MaxBatch {
		var changes []client.Change
		for n, c := range all[begin:min(begin+client.MaxBatch, len(all))] {
			changes = append(changes, client.Change{Create: client.Subscription{Criteria: c.Search(), Mailbox: box((begin + n) % l.Mailboxes), Reason: "Load of a nation"}})
		}
		results, err := l.Subscriber.Batch(ctx, changes)
		if err != nil {
			return err
		}
		if err := l.count(results); err != nil {
			return err
		}
	}
	return nil
}

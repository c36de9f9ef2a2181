package broker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// journal remembers what was accepted and routed last, and has waiting events.
type journal struct {
	broker.Journal
	at       time.Time
	accepted store.Acceptance
	waiting  map[store.EventID][]byte
	routed   []store.EventID
	facts    subscription.Facts // of the event that was routed last
}

func (j *journal) NextPosition() store.EventID { return store.PositionAt(j.at) }

func (j *journal) Moment(id store.EventID) time.Time { return new(store.Moments).Of(id) }

func (j *journal) AcceptEvent(_ context.Context, a store.Acceptance) (store.Receipt, error) {
	j.accepted = a
	return store.Receipt{Event: a.Event}, nil
}

func (j *journal) PendingEvents(_ context.Context, after store.EventID, max int) (out []store.EventID, err error) {
	for id := range j.waiting {
		if id > after {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out[:min(max, len(out))], nil
}

func (j *journal) EventMessage(_ context.Context, id store.EventID) ([]byte, error) {
	return j.waiting[id], nil
}

func (j *journal) RouteEvent(_ context.Context, r store.Routing) (store.Receipt, error) {
	j.routed, j.facts = append(j.routed, r.Event), r.Facts
	return store.Receipt{Event: r.Event}, nil
}

// memory caches the dev world's patients once they were looked up.
type memory struct {
	*devworld.World
	mu    sync.Mutex
	known map[nhs.NHSNumber]directory.Patient
	away  map[nhs.NHSNumber]bool
}

func (m *memory) Patient(ctx context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away[n] {
		return directory.Patient{}, directory.ErrAway
	}
	if p, ok := m.known[n]; ok {
		return p, nil
	}
	p, err := m.World.Patient(ctx, n)
	if err == nil {
		m.known[n] = p
	}
	return p, err
}

func (m *memory) Forget(n nhs.NHSNumber) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, n)
}

// fixture is a broker over a journal and the dev world.
type fixture struct {
	*testing.T
	*broker.Broker
	journal  *journal
	patients *memory
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	dev, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	types, err := catalogue.Load("")
	if err != nil {
		t.Fatal(err)
	}
	fx := fixture{T: t, journal: &journal{at: time.Now(), waiting: map[store.EventID][]byte{}},
		patients: &memory{World: dev, known: map[nhs.NHSNumber]directory.Patient{}, away: map[nhs.NHSNumber]bool{}}}
	fx.Broker = broker.New(broker.Config{
		Journal: fx.journal, Catalogue: func() *catalogue.Catalogue { return types },
		Patients: fx.patients, Organisations: dev, Postcodes: dev, Level: catalogue.Level("standard"), Now: time.Now,
	})
	return fx
}

// message is an event about a patient, "" for the dev world's Jack.
func (fx fixture) message(code, patient string) []byte {
	fx.Helper()
	return fx.messageAbout(code, example.Patient{NHSNumber: patient})
}

func (fx fixture) messageAbout(code string, about example.Patient) []byte {
	fx.Helper()
	message, err := example.Message(code, "new", about)
	if err != nil {
		fx.Fatal(err)
	}
	return message
}

// publish sends an event about Jack as a system of the dev world.
func (fx fixture) publish(asid nhs.ASID, code string) error {
	fx.Helper()
	return fx.publishAbout(asid, code, example.Patient{})
}

func (fx fixture) publishAbout(asid nhs.ASID, code string, about example.Patient) error {
	fx.Helper()
	return fx.publishAs(asid, code, fx.messageAbout(code, about))
}

// publishAs sends a message as a system of the dev world.
func (fx fixture) publishAs(asid nhs.ASID, code string, message []byte) error {
	fx.Helper()
	registered, _, err := fx.patients.System(fx.Context(), asid)
	if err != nil {
		fx.Fatal(err)
	}
	_, err = fx.Publish(fx.Context(), access.Caller{System: registered.System, ASID: asid, Interaction: access.Interaction{Event: code}}, message, "")
	return err
}

// wantPractice tells whether the last event was matched by this practice.
func (fx fixture) wantPractice(why, practice string) {
	fx.Helper()
	if keys := fx.journal.accepted.Facts.Keys; !slices.Contains(keys, subscription.RouteKey{Kind: subscription.ByPractice, Value: practice}) {
		fx.Errorf("%s: expected practice %s among the keys, got %v", why, practice, keys)
	}
}

const (
	other        = "9434765919"
	jack         = "9912003888"
	publisher    = "300000000161"
	demographics = "477121000323"
	oldPractice  = "B86056"
	newPractice  = "A83627"
	vaccinations = "vaccinations-1"
	changeOfGP   = "pds-change-of-gp-1"
)

func number(t *testing.T, digits string) nhs.NHSNumber {
	t.Helper()
	n, err := nhs.ParseNHSNumber(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A change of GP that PDS published is matched by what it carries, whatever PDS
// still shows or the cache has. Later events are matched by what PDS shows
// then.
func TestChangeOfRecordIsSeenAtOnce(t *testing.T) {
	fx := newFixture(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(fx.publish(publisher, vaccinations))
	fx.wantPractice("at first", oldPractice)
	record, err := fx.patients.World.Patient(t.Context(), number(t, jack))
	must(err)
	var refused *refuse.Refusal
	if err := fx.publish(publisher, changeOfGP); !errors.As(err, &refused) {
		t.Errorf("published by another than the Spine: %v", err)
	}
	must(fx.publishAbout(demographics, changeOfGP, example.Patient{Practice: newPractice}))
	fx.wantPractice("the change itself", newPractice)
	record.GP = newPractice
	must(fx.patients.PutPatients(t.Context(), []directory.Patient{record}))
	must(fx.publish(publisher, vaccinations))
	fx.wantPractice("after the change", newPractice)
}

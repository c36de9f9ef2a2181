package scenario

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"nems/internal/nhs"
	"nems/internal/world"
)

// stage is where everything happens: all patients with their present records. It
// refuses what cannot happen.
type stage struct {
	seed    uint64
	world   *world.World
	guests  *world.Guests
	numbers func() string
	routine *vaccinations
	people  map[string]*actor // by NHS number
	order   []*actor          // in the order of their coming
	done    []Happening
}

// actor is a patient on the stage.
type actor struct {
	Patient          // the record as it is now
	label    string  // as the scenario calls them
	first    Patient // the record before anything happened
	touched  bool    // something has happened
	exists   bool    // has a record in PDS
	apart    bool    // lives with others who are no family
	waiting  bool    // is added, or born, in the course of the scenario
	bornAt   time.Time
	dead     string // the status; "" means alive
	diedAt   time.Time
	into     string // the number that supersedes this one
	invalid  bool
	doses    map[string]int      // of each vaccine, given or refused
	contacts map[string]*contact // by service
	records  map[string]Deed     // what providers published last, by name
	noted    int                 // counts records
}

// contact is one episode of care.
type contact struct {
	Contact
	open bool
}

// fault says why something cannot happen.
type fault struct{ what, expected, received string }

// newStage brings the people of a world onto a stage. The children had what the
// schedule has for them until a moment.
func newStage(w *world.World, seed uint64, from time.Time) (*stage, error) {
	guests, err := w.Guests()
	if err != nil {
		return nil, err
	}
	r, err := routine()
	if err != nil {
		return nil, err
	}
	s := &stage{seed: seed, world: w, guests: guests, numbers: w.NewNumbers(seed, "scenario"), routine: r, people: map[string]*actor{}}
	for _, h := range w.Households {
		for _, p := range h.People {
			a := &actor{exists: true, Patient: recordIn(h, p), apart: h.Shared}
			s.enter(a)
			if a.bornAt.AddDate(grown, 0, 0).After(from) {
				s.hadDoses(a, from)
			}
		}
	}
	return s, nil
}

// recordIn is the record of somebody who lives in a household.
func recordIn(h world.Household, p world.Person) Patient {
	return Patient{
		NHSNumber: p.NHSNumber, Family: p.Family, Given: p.Given, Gender: p.Gender, BirthDate: p.Born,
		Address: Address{h.Lines, h.Postcode}, Practice: p.Practice, Phone: p.Phone, Email: p.Email, Mother: p.Mother,
	}
}

// Cast returns all people of a world.
func Cast(w *world.World) (all []Patient) {
	for _, h := range w.Households {
		for _, p := range h.People {
			all = append(all, recordIn(h, p))
		}
	}
	return all
}

// grown is the age in years after which the schedule has nothing more.
const grown = 16

// enter brings a patient onto the stage.
func (s *stage) enter(a *actor) {
	a.first = a.Patient
	a.doses, a.contacts, a.records = map[string]int{}, map[string]*contact{}, map[string]Deed{}
	if a.bornAt.IsZero() {
		a.bornAt = day(a.BirthDate)
	}
	s.people[a.NHSNumber] = a
	s.order = append(s.order, a)
}

// hadDoses notes what the schedule has until a day as given.
func (s *stage) hadDoses(a *actor, until time.Time) {
	for _, at := range s.routine.visits(a.BirthDate) {
		if at.span.After(a.bornAt).Before(until) {
			for name, number := range at.Give {
				a.doses[name] = max(a.doses[name], number)
			}
		}
	}
}

// name is what messages call a patient.
func (a *actor) name() string {
	if a.label != "" {
		return a.label
	}
	return a.NHSNumber
}

// day returns the beginning of a date in the United Kingdom.
func day(date string) time.Time {
	t, _ := time.ParseInLocation(time.DateOnly, date, nhs.UnitedKingdom()) // dates are checked when they are read
	return t
}

// local returns a moment in the time of the United Kingdom, in which people think.
func local(t time.Time) time.Time { return t.In(nhs.UnitedKingdom()) }

// namespace is that of the ids that are made of seeds.
var namespace = uuid.MustParse("5a1f7f0e-8c3b-5d5c-9a51-2b6a0f6f9c1e")

// id makes a UUID of parts: the same parts, the same UUID.
func (s *stage) id(parts ...any) string {
	return uuid.NewSHA1(namespace, []byte(fmt.Sprintln(append([]any{s.seed}, parts...)...))).String()
}

// newRecord returns the id of one more record of a provider about a patient.
func (s *stage) newRecord(a *actor) string {
	a.noted++
	return s.id("record", a.NHSNumber, a.noted)
}

// perform lets a deed happen, or says why it cannot. Sequence numbers and ids are
// given at the end, when all moments are known.
func (s *stage) perform(at time.Time, a *actor, d Deed, line, column int) *fault {
	if f := s.contradiction(at, a, d); f != nil {
		return f
	}
	h := Happening{At: at.UTC(), Line: line, Column: column, Patient: a.Patient, Deed: d}
	a.touched = true
	s.change(at, a, d)
	if _, added := d.(Added); added {
		h.Patient = a.Patient
	}
	s.done = append(s.done, h)
	return nil
}

// numbered gives the happenings their numbers and ids.
func (s *stage) numbered() []Happening {
	for i := range s.done {
		h := &s.done[i]
		h.Sequence = i + 1
		h.ID = s.id("happening", h.Sequence, h.At.UnixMicro(), h.Patient.NHSNumber, h.Deed.Name())
	}
	return s.done
}

// cast returns those who exist from the beginning and take part, as they were.
func (s *stage) cast() (out []Patient) {
	for _, a := range s.order {
		if a.touched && !a.waiting {
			out = append(out, a.first)
		}
	}
	return out
}

// family returns those who move with a patient, the patient included.
func (s *stage) family(a *actor) []*actor {
	if a.apart {
		return []*actor{a}
	}
	return s.household(a)
}

// household returns those who live with a patient, the patient included.
func (s *stage) household(a *actor) (out []*actor) {
	for _, other := range s.order {
		if other == a || other.exists && other.into == "" && !other.invalid && other.dead == "" && sameAddress(other.Address, a.Address) {
			out = append(out, other)
		}
	}
	return out
}

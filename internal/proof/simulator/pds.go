package simulator

import (
	"context"
	"errors"
	"sync"
	"time"

	"nems/internal/catalogue/example"
	"nems/internal/directory"
	"nems/internal/nhs"
)

// errPDS is the error of a patient directory with an unreadable answer.
var errPDS = errors.New("simulated: the answer of the directory cannot be read")

// pds is the patient directory. It remembers what it said when, for the book.
type pds struct {
	sim *simulation

	mu       sync.Mutex
	patients map[string][]record // by NHS number, oldest first
	away     bool
	absences []span
}

// record is what the directory says about a patient from a moment on.
type record struct {
	from time.Time
	directory.Patient
}

// span is a stretch of simulated time; an open end is the zero time.
type span struct{ from, to time.Time }

// overlaps tells whether two spans share a moment.
func (s span) overlaps(o span) bool {
	return (o.to.IsZero() || !s.from.After(o.to)) && (s.to.IsZero() || !o.from.After(s.to))
}

// people are the patients of the simulated world. Their practices change.
var people = []example.Patient{
	{NHSNumber: "9912003888", Family: "DAWKINS", Given: "Jack", BirthDate: "2017-10-02", Postcode: "LS17 7DF", Practice: "B86056"},
	{NHSNumber: "9434765919", Family: "SPECIMEN", Given: "Alex", BirthDate: "1985-05-14", Postcode: "WF14 0BQ", Practice: "B85612"},
	{NHSNumber: "9990000050", Family: "TREMAYNE", Given: "Lowri", BirthDate: "1988-08-19", Postcode: "WF14 0BQ", Practice: "B85612"},
}

// practices are those between which patients move.
var practices = []string{"B86056", "B85612"}

func newPDS(sim *simulation) *pds {
	p := &pds{sim: sim, patients: map[string][]record{}}
	for _, person := range people {
		number, _ := nhs.ParseNHSNumber(person.NHSNumber)
		born, _ := time.Parse(time.DateOnly, person.BirthDate)
		p.patients[person.NHSNumber] = []record{{from: sim.began, Patient: directory.Patient{
			NHSNumber: number, Family: person.Family, Given: []string{person.Given}, BirthDate: born,
			Postcode: person.Postcode, GP: nhs.ODSCode(person.Practice),
		}}}
	}
	return p
}

// Patient implements directory.Patients.
func (p *pds) Patient(ctx context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	t := threadOf(ctx)
	pause := t.between(100*time.Microsecond, 5*time.Millisecond)
	if t.happens(3) {
		pause = t.between(time.Second, 4*time.Second)
	}
	if err := t.wait(ctx, pause); err != nil {
		return directory.Patient{}, errors.Join(directory.ErrAway, err)
	}
	if t.happens(1) {
		return directory.Patient{}, errPDS
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return directory.Patient{}, directory.ErrAway
	}
	all := p.patients[n.Digits()]
	if len(all) == 0 {
		return directory.Patient{}, directory.ErrNotFound
	}
	return all[len(all)-1].Patient, nil
}

// setAway makes the directory unreachable, or reachable again.
func (p *pds) setAway(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if away && !p.away {
		p.absences = append(p.absences, span{from: time.Now()})
	}
	if !away && p.away {
		p.absences[len(p.absences)-1].to = time.Now()
	}
	p.away = away
}

// change changes a patient's record.
func (p *pds) change(number string, f func(*directory.Patient)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.patients[number]
	r := record{from: time.Now(), Patient: all[len(all)-1].Patient}
	f(&r.Patient)
	p.patients[number] = append(all, r)
}

// during returns what the directory said about a patient within a span.
func (p *pds) during(number string, s span) []directory.Patient {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []directory.Patient
	all := p.patients[number]
	for i, r := range all {
		held := span{from: r.from}
		if i+1 < len(all) {
			held.to = all[i+1].from
		}
		if held.overlaps(s) {
			out = append(out, r.Patient)
		}
	}
	return out
}

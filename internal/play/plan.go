// Package play lets a scenario happen to a service: it sets the service's clock,
// changes patients' records and publishes providers' messages, in the order of the
// moments. Faults can be mixed in. What a mailbox received can be recorded without
// its patients, and played again.
package play

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"nems/internal/operator"
	"nems/internal/scenario"
)

// Plan is all that is going to happen, worked out before the first deed.
type Plan struct {
	Name  string
	Start time.Time
	// Load are the records of those who are there from the beginning.
	Load []operator.LoadedRecord
	acts []act
}

// act is one deed.
type act struct {
	id      uuid.UUID // of the happening: ids of requests and messages follow from it
	at      time.Time
	patient string // NHS number: what happens to one patient keeps its order
	deed    string
	place   string // where it is written, such as my.yaml:12:5; "" if nowhere
	// message is what a provider publishes, or the Spine; otherwise change is a
	// request.
	message []byte
	event   string // its event code
	eventID string // its MessageHeader.id
	spine   bool
	change  change
}

// Acts is how many deeds there are.
func (p *Plan) Acts() int { return len(p.acts) }

// Problems are all that a plan cannot be made of.
type Problems []error

func (p Problems) Error() string { return errors.Join(p...).Error() }

// FromScript plans a script. file is the name of its file in messages, "" if it is in
// none. by is the system that publishes what providers say.
func FromScript(s *scenario.Script, file string, by System) (*Plan, error) {
	p := &Plan{Name: s.Name, Start: s.Start}
	for i := range s.Patients {
		p.Load = append(p.Load, loaded(&s.Patients[i], s.Start))
	}
	var wrong Problems
	for i := range s.Happenings {
		h := &s.Happenings[i]
		a := act{id: base(h), at: h.At, patient: h.Patient.NHSNumber, deed: h.Deed.Name()}
		if h.Line > 0 && file != "" {
			a.place = fmt.Sprintf("%s:%d:%d", file, h.Line, h.Column)
		}
		var err error
		if h.Deed.Demographic() {
			a.change, err = changed(h)
		} else {
			a.message, err = provided(h, by)
			a.event, a.eventID = eventOf[a.deed], eventID(h).String()
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: happening %d (%s): %w", a.placed(), h.Sequence, a.deed, err))
			continue
		}
		p.acts = append(p.acts, a)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return p, nil
}

// AddPatients adds records to load, of those whom the plan does not have.
func (p *Plan) AddPatients(all []scenario.Patient) {
	has := map[string]bool{}
	for _, r := range p.Load {
		has[r.Patient] = true
	}
	for i := range p.acts { // those who come into being have no record yet
		a := &p.acts[i]
		has[a.patient] = has[a.patient] || a.change.birth != nil || a.change.record != nil && a.change.record.New
	}
	for i := range all {
		if !has[all[i].NHSNumber] {
			p.Load = append(p.Load, loaded(&all[i], p.Start))
		}
	}
}

// placed is where an act is written.
func (a *act) placed() string {
	if a.place == "" {
		return "(in no file)"
	}
	return a.place
}

// eventOf are the event codes of what providers publish.
var eventOf = map[string]string{
	scenario.Vaccinated{}.Name(): "vaccinations-1", scenario.Contact{}.Name(): "professional-contacts-1",
	scenario.BloodSpot{}.Name(): "blood-spot-test-outcome-1", scenario.NewbornHearing{}.Name(): "newborn-hearing-1", scenario.NIPE{}.Name(): "nipe-outcome-1",
}

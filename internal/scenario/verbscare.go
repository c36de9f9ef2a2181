package scenario

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"nems/internal/yamltree"
)

// vaccinated reads a vaccine, or a mapping that says more, or corrects or withdraws
// what was published.
func vaccinated(c *compiler, n yamltree.Node) doer {
	v := c.stage.routine
	vaccines := append(v.names(), due)
	if !n.IsMap() {
		return c.vaccination(n.OneOf("vaccinated", vaccines...), jab{})
	}
	m := n.Map("vaccinated", "vaccine", "dose", "not-given", "on", "as", "correct", "withdraw")
	var j jab
	if as := m.Get("as"); as.Exists() {
		j.as = as.Text("as")
	}
	if dose := m.Get("dose"); dose.Exists() {
		const most = 9
		j.dose = dose.Int("dose", 1, most)
	}
	if reason := m.Get("not-given"); reason.Exists() {
		if j.reason = reason.OneOf("not-given", slices.Sorted(maps.Keys(v.Reasons))...); j.reason == "" {
			return nil
		}
	}
	if on := m.Get("on"); on.Exists() {
		if j.on = dated(on); j.on == nil {
			return nil
		}
	}
	for _, change := range []struct{ key, kind string }{{"correct", "update"}, {"withdraw", "delete"}} {
		if former := m.Get(change.key); former.Exists() {
			return j.change(c, former.Text(change.key), change.kind)
		}
	}
	name, there := m.Need("vaccinated", "vaccine", yamltree.Choice(vaccines, ""))
	if !there {
		return nil
	}
	return c.vaccination(name.OneOf("the vaccine", vaccines...), j)
}

// due stands for all that the schedule has for somebody now.
const due = "due"

// jab is what a scenario says of a vaccination.
type jab struct {
	dose   int // 0: the next one
	reason string
	on     func(at time.Time) string
	as     string
}

func (j jab) day(at time.Time) time.Time {
	if j.on != nil {
		return day(j.on(at))
	}
	return local(at)
}

func (c *compiler) vaccination(name string, j jab) doer {
	switch name {
	case "":
		return nil
	case due:
		return func(m *moment) ([]Deed, *fault) { return m.dueNow(j) }
	}
	return func(m *moment) ([]Deed, *fault) {
		number := j.dose
		if number == 0 {
			number = m.actor.doses[name] + 1
		}
		at := m.routine.visitOf(m.actor.BirthDate, name, number)
		d := m.jab(at, name, number, j)
		if j.as != "" {
			c.named[j.as] = named{m.actor, d.ID}
		}
		return []Deed{d}, nil
	}
}

// jab describes one vaccination of a patient.
func (m *moment) jab(at visit, name string, number int, j jab) Vaccinated {
	d := m.routine.deed(name, number, at.Encounter, j.day(m.at), j.reason)
	d.Record = Record{m.newRecord(m.actor), "new", m.surgery(m.actor)}
	if at.At == "school" {
		d.Provider = m.childHealth(m.actor)
	}
	if !d.NotGiven {
		d.Lot = fmt.Sprintf("LOT%05d", m.chance.IntN(100_000))
	}
	return d
}

// dueNow is all that the schedule has for a patient until now and that was not given.
func (m *moment) dueNow(j jab) (all []Deed, _ *fault) {
	for _, at := range m.routine.visits(m.actor.BirthDate) {
		if at.span.After(m.actor.bornAt).After(m.at) {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(at.Give)) {
			if number := at.Give[name]; m.actor.doses[name] < number {
				all = append(all, m.jab(at, name, number, j))
			}
		}
	}
	if len(all) == 0 {
		return nil, &fault{"the schedule has nothing for " + m.actor.name() + " that is not given already", "an age at which something is due", ""}
	}
	return all, nil
}

// change is an update or a delete of a vaccination that has a name.
func (j jab) change(c *compiler, name, kind string) doer {
	return func(m *moment) ([]Deed, *fault) {
		former, known := c.named[name]
		d, is := m.actor.records[former.record].(Vaccinated)
		if !known || !is || d.Kind == "delete" {
			return nil, &fault{"there is no vaccination " + yamltree.Quote(name) + " of " + m.actor.name(), "the name that as: gave to an earlier one", ""}
		}
		d.Kind = kind
		if kind == "update" {
			changed := m.routine.deed(d.Vaccine, max(j.dose, d.Dose), d.Encounter, day(d.Date), j.reason)
			changed.Record, changed.Lot = d.Record, d.Lot
			if j.on != nil {
				changed.Date = j.on(m.at)
			}
			d = changed
		}
		return []Deed{d}, nil
	}
}

// visiting is the service of health visitors.
var visiting = Code{"1078501000000104", "Health visiting service"}

// healthVisiting reads begins, ends or withdrawn.
func healthVisiting(_ *compiler, n yamltree.Node) doer {
	kind := map[string]string{"begins": "new", "ends": "update", "withdrawn": "delete"}[n.OneOf("health-visiting", "begins", "ends", "withdrawn")]
	if kind == "" {
		return nil
	}
	return func(m *moment) ([]Deed, *fault) { return []Deed{m.visiting(kind)}, nil }
}

// visiting is the beginning, the end or the withdrawal of health visiting.
func (m *moment) visiting(kind string) Contact {
	today := local(m.at).Format(time.DateOnly)
	d := Contact{Record: Record{Kind: kind, Provider: m.childHealth(m.actor)}, Service: visiting, Start: today}
	if known := m.actor.contacts[visiting.Code]; known != nil && kind != "new" {
		d = known.Contact
		d.Kind = kind
		if kind == "update" {
			d.End = today
		}
		return d
	}
	d.ID = m.newRecord(m.actor)
	return d
}

// outcome is the record of a screening: the one that was published before, or a new
// one.
func (m *moment) outcome(of Deed, word string, provider Organisation) Record {
	r := Record{Kind: "new", Provider: provider}
	if word == withdrawn {
		r.Kind = "delete"
	}
	if before := m.actor.records[recordName(of)]; before != nil {
		r.ID = recordOf(before).ID
	} else {
		r.ID = m.newRecord(m.actor)
	}
	return r
}

// What screenings come to beside what is suspected.
const (
	clear     = "clear"
	withdrawn = "withdrawn"
)

// suspected is an outcome without the words for none.
func suspected(word string) string {
	if word == clear || word == withdrawn {
		return ""
	}
	return word
}

func bloodSpot(_ *compiler, n yamltree.Node) doer {
	word := n.OneOf("blood-spot", append([]string{clear, withdrawn}, Conditions()...)...)
	if word == "" {
		return nil
	}
	return func(m *moment) ([]Deed, *fault) { return []Deed{m.bloodSpot(word)}, nil }
}

func (m *moment) bloodSpot(word string) BloodSpot {
	return BloodSpot{Record: m.outcome(BloodSpot{}, word, m.hospital(m.actor)), Suspected: suspected(word), Issued: local(m.at).Format(time.DateOnly)}
}

func newbornHearing(_ *compiler, n yamltree.Node) doer {
	word := n.OneOf("newborn-hearing", clear, withdrawn, "left", "right", "both")
	if word == "" {
		return nil
	}
	return func(m *moment) ([]Deed, *fault) { return []Deed{m.hearing(word)}, nil }
}

func (m *moment) hearing(word string) NewbornHearing {
	return NewbornHearing{Record: m.outcome(NewbornHearing{}, word, m.hospital(m.actor)), Refer: suspected(word), Time: m.at.UTC()}
}

func nipe(_ *compiler, n yamltree.Node) doer {
	examination := ""
	if n.IsMap() {
		m := n.Map("nipe", "outcome", "examination")
		if e := m.Get("examination"); e.Exists() {
			if examination = e.OneOf("examination", "newborn", "infant"); examination == "" {
				return nil
			}
		}
		var there bool
		if n, there = m.Need("nipe", "outcome", "clear, withdrawn, hips, eyes, heart or testes"); !there {
			return nil
		}
	}
	word := n.OneOf("nipe", clear, withdrawn, "hips", "eyes", "heart", "testes")
	if word == "" {
		return nil
	}
	return func(m *moment) ([]Deed, *fault) {
		const newborn = 14 // days; the examination at 6 to 8 weeks comes later
		infant := examination == "infant" || examination == "" && m.at.After(m.actor.bornAt.AddDate(0, 0, newborn))
		if word == "testes" && m.actor.Gender == "female" {
			return nil, &fault{m.actor.name() + " is female", "hips, eyes, heart or clear", word}
		}
		return []Deed{m.nipe(infant, word)}, nil
	}
}

func (m *moment) nipe(infant bool, word string) NIPE {
	provider := m.hospital(m.actor)
	if infant {
		provider = m.surgery(m.actor) // a GP examines at 6 to 8 weeks
	}
	return NIPE{Record: m.outcome(NIPE{Infant: infant}, word, provider), Infant: infant, Suspected: suspected(word), Time: m.at.UTC()}
}

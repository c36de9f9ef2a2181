package scenario

import (
	"fmt"
	"math"
	"time"

	"nems/internal/world"
	"nems/internal/yamltree"
)

// nowhere is the place of what is written in no file.
var nowhere = yamltree.Node{}

// read makes a doer of a verb without a value.
func (g *generator) read(verb func(*compiler, yamltree.Node) doer) doer {
	return verb(g.compiler, nowhere)
}

type adder = func(a *actor, family bool, at time.Time, do doer)

// birth adds a birth, and what follows it: the mother is a woman of the ages at which
// women have children (ONS, Births in England and Wales: mean age of mothers 31).
func (g *generator) birth(at time.Time, add adder) {
	mother := g.somebody(func(a *actor) int {
		years := age(a.bornAt, at)
		if a.Gender != "female" || years < 18 || years > 44 || g.infants[a.NHSNumber] {
			return 0
		}
		const peak = 31
		return 1 + max(0, 15-abs(years-peak))
	})
	if mother == nil {
		return
	}
	g.births++
	g.infants[mother.NHSNumber] = true
	a := g.baby(fmt.Sprintf("baby %d", g.births), at, birth{})
	a.label = ""
	b := birth{mother: mother, babies: []*actor{a}}
	add(a, false, at, func(m *moment) ([]Deed, *fault) { return m.born(b, 1) })
	g.acts = append(g.acts, g.stage.care(a, cares, nowhere, g.script.End)...)
}

func abs(n int) int { return max(n, -n) }

// death adds a death: the risk doubles every eight years (Gompertz). Most are notified
// informally first, and formally within some days; then the registration ends.
func (g *generator) death(at time.Time, add adder) {
	a := g.somebody(func(a *actor) int {
		const scale, doubling = 10, 0.09
		return int(scale * math.Exp(doubling*float64(age(a.bornAt, at))))
	})
	dies := func(status string) doer {
		return func(m *moment) ([]Deed, *fault) { return []Deed{m.death(status, nil)}, nil }
	}
	if g.chance.IntN(100) < 70 {
		add(a, false, at, dies(Informal))
		at = at.AddDate(0, 0, 2+g.chance.IntN(5))
	}
	add(a, false, at, dies(Formal))
	add(a, false, at.AddDate(0, 0, 1), always(Deregistered{Reason: "DEA"}))
}

// added adds somebody who comes to the country and registers some days later.
func (g *generator) added(at time.Time, add adder) {
	r := world.Rand(g.stage.seed, fmt.Sprint("comer ", len(g.stage.order)))
	const youngest, span = 17, 30 // years
	born := at.AddDate(-youngest-r.IntN(span), 0, -r.IntN(365))
	p := g.stage.guests.Person(r, "", born)
	lines, code := g.stage.guests.Home(r, g.stage.guests.Town(r))
	a := &actor{waiting: true, Patient: Patient{
		NHSNumber: g.stage.numbers(), Family: p.Family, Given: p.Given, Gender: p.Gender, BirthDate: p.Born,
		Address: Address{lines, code}, Phone: p.Phone, Email: p.Email,
	}}
	g.stage.enter(a)
	add(a, false, at, always(Added{}))
	add(a, false, at.AddDate(0, 0, g.chance.IntN(4)).Add(time.Hour), g.read(registers))
}

// merged adds a second record of somebody, which is superseded by the first.
func (g *generator) merged(at time.Time, add adder) {
	into := g.somebody(anybody)
	if into == nil {
		return
	}
	second := into.Patient
	second.NHSNumber, second.Practice = g.stage.numbers(), ""
	a := &actor{waiting: true, Patient: second}
	g.stage.enter(a)
	add(a, false, at, always(Added{}))
	add(a, false, at.AddDate(0, 0, 1+g.chance.IntN(5)), func(*moment) ([]Deed, *fault) {
		into.touched = true
		return []Deed{Merged{Into: into.NHSNumber}}, nil
	})
}

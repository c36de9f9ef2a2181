package play

import (
	"slices"
	"time"
)

// Checked is what there is to play.
type Checked struct {
	Name     string         `json:"name"`
	Patients int            `json:"patients"` // whose records are loaded at the beginning
	Steps    int            `json:"steps"`
	First    time.Time      `json:"first,omitzero"`
	Last     time.Time      `json:"last,omitzero"`
	Deeds    []DeedCount    `json:"deeds"`
	Faults   map[string]int `json:"faults,omitempty"`
}

// DeedCount is how often something happens.
type DeedCount struct {
	Deed  string `json:"deed"`
	Event string `json:"event,omitempty"` // of a message; changes make events as they are done
	Count int    `json:"count"`
}

// Check says what there is to play.
func (p *Plan) Check(o Options) *Checked {
	all, faults := o.Faults.steps(p.acts, o.Seed)
	c := &Checked{Name: p.Name, Patients: len(p.Load), Steps: len(all), Deeds: []DeedCount{}, Faults: faults}
	for i := range p.acts {
		a := &p.acts[i]
		at := slices.IndexFunc(c.Deeds, func(d DeedCount) bool { return d.Deed == a.deed && d.Event == a.event })
		if at < 0 {
			at, c.Deeds = len(c.Deeds), append(c.Deeds, DeedCount{Deed: a.deed, Event: a.event})
		}
		c.Deeds[at].Count++
	}
	slices.SortStableFunc(c.Deeds, func(a, b DeedCount) int { return b.Count - a.Count })
	if len(all) > 0 {
		c.First, c.Last = all[0].at.UTC(), all[len(all)-1].at.UTC()
	}
	return c
}

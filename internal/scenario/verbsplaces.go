package scenario

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"nems/internal/world"
	"nems/internal/yamltree"
)

// anywhere is written for a place that the seed chooses.
const anywhere = "anywhere"

// moves reads where somebody moves to: anywhere, a town, or an address. All who live
// together move, unless the patient moves alone.
func moves(c *compiler, it item) func(time.Time) []act {
	n := it.node
	var to Address
	var town *world.Town
	family := true
	switch {
	case n.IsEmpty() || n.IsText() && n.Text("moves") == anywhere:
	case n.IsText():
		if town = c.town(n); town == nil {
			return nil
		}
	default:
		m := n.Map("moves", "address", "postcode", "town", "alone")
		lines, code := m.Get("address"), m.Get("postcode")
		if lines.Exists() != code.Exists() {
			n.Fail("moves", "address and postcode, or a town, or anywhere", "")
			return nil
		}
		if lines.Exists() {
			to = Address{world.Lines(lines), world.Postcode(code, "postcode")}
		}
		if t := m.Get("town"); t.Exists() {
			if town = c.town(t); town == nil {
				return nil
			}
		}
		if alone := m.Get("alone"); alone.Exists() {
			family = !alone.Bool("alone")
		}
		if !n.IsMap() || lines.Exists() && to.Postcode == "" {
			return nil
		}
	}
	if !c.somebody(it) {
		return nil
	}
	return c.acts1(it, family && it.who.group == nil, func(m *moment) ([]Deed, *fault) {
		if to.Lines != nil {
			return []Deed{Moved{To: to}}, nil
		}
		return []Deed{Moved{To: m.newHome(town)}}, nil
	})
}

// newHome chooses a home in a town, or in any; mostly in the present one.
func (s *stage) newHomeOf(a *actor, town *world.Town, r *rand.Rand) Address {
	if town == nil {
		const near = 70 // percent of those who move stay in their town
		if town = s.world.TownOf(a.Address.Postcode); town == nil || r.IntN(100) >= near {
			town = s.guests.Town(r)
		}
	}
	lines, code := s.guests.Home(r, town)
	return Address{lines, code}
}

func (m *moment) newHome(town *world.Town) Address { return m.newHomeOf(m.actor, town, m.chance) }

// rewritesAddress: a system writes the address back in its own layout, as systems do
// that split addresses into town and county.
func rewritesAddress(_ *compiler, n yamltree.Node) doer {
	nothingMore(n, "rewrites-address")
	return func(m *moment) ([]Deed, *fault) {
		lines := slices.Clone(m.actor.Address.Lines)
		for i, line := range lines {
			switch {
			case line != strings.ToUpper(line):
				lines[i] = strings.ToUpper(line)
			case i == 0:
				lines[i] = strings.ReplaceAll(line, " ", ", ")
			}
		}
		return []Deed{Moved{To: Address{lines, m.actor.Address.Postcode}}}, nil
	}
}

// registers reads the practice: a code, or anywhere.
func registers(c *compiler, n yamltree.Node) doer {
	if !n.IsEmpty() && !(n.IsText() && n.Text("registers") == anywhere) {
		code := c.practice(n)
		if code == "" {
			return nil
		}
		return always(Registered{Practice: code})
	}
	return func(m *moment) ([]Deed, *fault) {
		return []Deed{Registered{Practice: m.somePractice(m.chance, m.actor)}}, nil
	}
}

// somePractice chooses a practice where a patient lives, another than the present one.
func (s *stage) somePractice(r *rand.Rand, a *actor) string {
	town := s.world.TownOf(a.Address.Postcode)
	if town == nil {
		town = s.guests.Town(r)
	}
	var others []string
	for _, p := range town.Practices {
		if p.Code != a.Practice {
			others = append(others, p.Code)
		}
	}
	if len(others) == 0 {
		for _, t := range s.world.Towns {
			for _, p := range t.Practices {
				if p.Code != a.Practice {
					others = append(others, p.Code)
				}
			}
		}
	}
	if len(others) == 0 {
		return a.Practice
	}
	return others[r.IntN(len(others))]
}

// surgery is the patient's practice, or who looks after the children of the town for
// somebody who has none.
func (s *stage) surgery(a *actor) Organisation {
	if p, _, known := s.world.Practice(a.Practice); known {
		return Organisation{p.Code, p.Name}
	}
	if a.Practice != "" {
		return Organisation{a.Practice, a.Practice}
	}
	return s.childHealth(a)
}

// home is the town where a patient lives, or one of the world.
func (s *stage) home(a *actor) *world.Town {
	if t := s.world.TownOf(a.Address.Postcode); t != nil {
		return t
	}
	return &s.world.Towns[0]
}

func (s *stage) childHealth(a *actor) Organisation {
	o := s.home(a).ChildHealth
	return Organisation{o.Code, o.Name}
}

func (s *stage) hospital(a *actor) Organisation {
	o := s.home(a).Hospital
	return Organisation{o.Code, o.Name}
}

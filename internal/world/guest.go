package world

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Empty is a world in whose towns nobody lives yet.
func Empty(seed uint64, day time.Time) (*World, error) {
	known, err := places()
	if err != nil {
		return nil, err
	}
	return &World{Seed: seed, Day: day.Format(time.DateOnly), Towns: slices.Clone(known.towns)}, nil
}

// Guests invents people and homes for a world that exists already. It is for one
// goroutine.
type Guests struct {
	world *World
	all   []community
	doors map[string]int
}

// Guests returns an inventor of people who come to the world.
func (w *World) Guests() (*Guests, error) {
	all, err := communities()
	if err != nil {
		return nil, err
	}
	g := &Guests{world: w, all: all, doors: map[string]int{}}
	for _, h := range w.Households {
		g.doors[h.Postcode]++
	}
	return g, nil
}

// Rand returns a source of chance for one purpose: the same seed and purpose draw the
// same.
func Rand(seed uint64, purpose string) *rand.Rand { return newRandom(seed, purpose).Rand }

// Person invents a person who was born on a day, without NHS number, home and
// practice. A gender that is empty is invented, too.
func (g *Guests) Person(r *rand.Rand, gender string, born time.Time) Person {
	i := g.inventor(r)
	c := i.namer.community()
	if gender != female && gender != male {
		gender = i.gender()
	}
	p := Person{Family: pick(i.random, c.Family), Given: i.namer.given(c, gender, born.Year()), Gender: gender, Born: born.Format(time.DateOnly)}
	if i.day = g.world.Midnight(); i.age(born) >= 16 {
		p.Phone, p.Email = i.mobile(), i.email(p)
	}
	return p
}

// Given invents given names for a child of a family that has such names: of the
// community in which the family name is known, or of any.
func (g *Guests) Given(r *rand.Rand, family, gender string, born time.Time) []string {
	i := g.inventor(r)
	for _, c := range g.all {
		if slices.Contains(c.Family, family) {
			return i.namer.given(c, gender, born.Year())
		}
	}
	return i.namer.given(i.namer.community(), gender, born.Year())
}

// Family invents a family name.
func (g *Guests) Family(r *rand.Rand) string {
	i := g.inventor(r)
	return pick(i.random, i.namer.community().Family)
}

// Mobile invents a mobile number.
func (g *Guests) Mobile(r *rand.Rand) string { return g.inventor(r).mobile() }

// Email invents an email address for a name.
func (g *Guests) Email(r *rand.Rand, given []string, family string) string {
	if len(given) == 0 {
		given = []string{"x"}
	}
	return g.inventor(r).email(Person{Given: given, Family: family})
}

// Home invents a home in a town, at which nobody lives.
func (g *Guests) Home(r *rand.Rand, t *Town) (lines []string, postcode string) {
	i := g.inventor(r)
	s := pick(i.random, t.Streets)
	return i.lines(*t, s), s.Postcode
}

// Town chooses one of the towns.
func (g *Guests) Town(r *rand.Rand) *Town { return &g.world.Towns[r.IntN(len(g.world.Towns))] }

func (g *Guests) inventor(r *rand.Rand) *inventor {
	n := namer{random: random{r}, all: g.all}
	for _, c := range g.all {
		n.weights = append(n.weights, c.Share)
	}
	return &inventor{random: random{r}, namer: n, doors: g.doors}
}

package scenario

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"nems/internal/nhs"
	"nems/internal/world"
)

//go:embed data/mix.yaml
var mixFile []byte

// mix is data/mix.yaml.
type mix struct {
	People  float64            `yaml:"people"`
	PerDay  map[string]float64 `yaml:"per-day"`
	PerYear map[string]float64 `yaml:"per-year"`
}

// Rates returns how often each kind of thing of data/mix.yaml happens to one person in
// a day. The map must not be changed.
func Rates() (map[string]float64, error) { return rates() }

var rates = sync.OnceValues(func() (map[string]float64, error) {
	var m mix
	if err := yaml.UnmarshalWithOptions(mixFile, &m, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("scenario: mix: %w", err)
	}
	const year = 365.25
	out := map[string]float64{}
	for kind, n := range m.PerDay {
		out[kind] = n / m.People
	}
	for kind, n := range m.PerYear {
		out[kind] = n / m.People / year
	}
	return out, nil
})

// Week is what happens to a world's people in so many days from a moment's day on: the
// national mix of data/mix.yaml, scaled to the world, and what the schedules of
// screening and vaccination have for its children on these days. The same world, seed,
// day and number of days make the same script.
func Week(w *world.World, seed uint64, from time.Time, days int) (*Script, error) {
	return Mix(w, seed, from, days, 1)
}

// Mix is Week with a multiple of the national rates: 10 lets ten times as much happen.
// What the schedules have for children is not multiplied.
func Mix(w *world.World, seed uint64, from time.Time, days int, multiple float64) (*Script, error) {
	const most = 400
	if days < 1 || days > most {
		return nil, fmt.Errorf("scenario: the number of days: expected 1 to %d; received %d", most, days)
	}
	if !(multiple >= 0 && multiple <= 1e6) {
		return nil, fmt.Errorf("scenario: the multiple of the national rates: expected 0 to 1000000; received %g", multiple)
	}
	perPerson, err := rates()
	if err != nil {
		return nil, err
	}
	start := midnight(from)
	s, err := newStage(w, seed, start)
	if err != nil {
		return nil, err
	}
	s.numbers = w.NewNumbers(seed, "week of "+start.Format(time.DateOnly)) // the next week has other babies
	c := &compiler{stage: s, labels: map[string]*actor{}, doubtful: map[*actor]bool{}}
	c.script = Script{Name: fmt.Sprintf("the national mix, %d days", days), Start: start, End: start.AddDate(0, 0, days)}
	g := &generator{compiler: c, chance: world.Rand(seed, "week"), infants: map[string]bool{}}
	g.children()
	for d := range days {
		for _, kind := range slices.Sorted(maps.Keys(perPerson)) {
			for range poisson(g.chance, perPerson[kind]*float64(len(s.order))*multiple) {
				g.event(kind, start.AddDate(0, 0, d))
			}
		}
	}
	c.perform()
	c.script.Patients, c.script.Happenings = s.cast(), s.numbered()
	return &c.script, nil
}

// generator invents what happens.
type generator struct {
	*compiler
	chance  *rand.Rand
	births  int
	infants map[string]bool // NHS numbers of mothers whose last child is less than a year old
}

// children adds what screening and vaccination have for the world's children. What
// they had before the first day is noted and does not happen again.
func (g *generator) children() {
	for _, a := range g.stage.order {
		if a.bornAt.AddDate(grown, 0, 0).Before(g.script.Start) {
			continue
		}
		if a.bornAt.AddDate(1, 0, 0).After(g.script.Start) {
			g.infants[a.Mother] = true
		}
		which := cares
		if a.Practice != "" { // registered already
			which = slices.DeleteFunc(slices.Clone(cares), func(s string) bool { return s == "registration" })
		}
		a.doses = map[string]int{} // had what the same calendar has until now
		for _, act := range g.stage.care(a, which, nowhere, g.script.End) {
			if !act.at.Before(g.script.Start) {
				g.acts = append(g.acts, act)
				continue
			}
			deeds, _ := act.do(&moment{stage: g.stage, at: act.at, actor: a, chance: world.Rand(g.stage.seed, act.chance+" "+a.NHSNumber)})
			for _, d := range deeds {
				a.note(d)
			}
		}
	}
}

// poisson draws how often something happens that happens mean times on average.
func poisson(r *rand.Rand, mean float64) int {
	const large = 500 // above, a normal distribution is as good
	if mean > large {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	n, p, limit := 0, r.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

// moment draws a moment of a day: mostly in working hours.
func (g *generator) moment(day time.Time) time.Time {
	hour := 8 + g.chance.IntN(11)
	if g.chance.IntN(10) == 0 {
		hour = g.chance.IntN(24)
	}
	return time.Date(day.Year(), day.Month(), day.Day(), hour, g.chance.IntN(60), g.chance.IntN(60), 0, nhs.UnitedKingdom())
}

// event adds one thing of a kind on a day.
func (g *generator) event(kind string, day time.Time) {
	at := g.moment(day)
	add := func(a *actor, family bool, at time.Time, do doer) {
		if a != nil && at.Before(g.script.End) {
			g.acts = append(g.acts, act{at: at, auto: true, family: family, who: who{one: []*actor{a}}, do: do, chance: fmt.Sprint("week ", len(g.acts))})
		}
	}
	switch kind {
	case "born":
		g.birth(at, add)
	case "died":
		g.death(at, add)
	case "added":
		g.added(at, add)
	case "flagged":
		a := g.somebody(anybody)
		add(a, false, at, always(Flagged{Set: true}))
		add(a, false, at.AddDate(0, 0, 1+g.chance.IntN(20)), always(Flagged{}))
	case "merged":
		g.merged(at, add)
	case "deregistered":
		reasons := []string{"EMB", "SCT", "NIT", "TRA", "ORR", "ORR", "ORR"}
		add(g.somebody(func(a *actor) int { return oneIf(a.Practice != "") }), false, at, always(Deregistered{Reason: reasons[g.chance.IntN(len(reasons))]}))
	case "registered":
		add(g.somebody(func(a *actor) int { return 1 + 20*oneIf(a.Practice == "") }), false, at, g.read(registers))
	case "moved":
		add(g.somebody(adult), true, at, func(m *moment) ([]Deed, *fault) { return []Deed{Moved{To: m.newHome(nil)}}, nil })
	case "rewritten":
		add(g.somebody(anybody), false, at, g.read(rewritesAddress))
	case "telecom-changed":
		add(g.somebody(adult), false, at, g.read(contactDetails))
	case "renamed":
		add(g.somebody(adult), false, at, g.read(renames))
	case "corrected":
		add(g.somebody(anybody), false, at, func(m *moment) ([]Deed, *fault) {
			return []Deed{Corrected{BirthDate: local(m.actor.bornAt).AddDate(0, 0, -1).Format(time.DateOnly)}}, nil
		})
	}
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Weights by which people are drawn.
func anybody(*actor) int { return 1 }

func adult(a *actor) int { return oneIf(a.Phone != "" && a.Email != "") }

// somebody draws a patient, each as likely as the weight says; nil if there is nobody.
func (g *generator) somebody(weight func(*actor) int) *actor {
	sum := 0
	for _, a := range g.stage.order {
		if !a.waiting {
			sum += weight(a)
		}
	}
	if sum == 0 {
		return nil
	}
	at := g.chance.IntN(sum)
	for _, a := range g.stage.order {
		if a.waiting {
			continue
		}
		if at -= weight(a); at < 0 {
			return a
		}
	}
	return nil
}

package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"nems/internal/nhs"
	"nems/internal/world"
	"nems/internal/yamltree"
)

// Script is a scenario that can be played.
type Script struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"`
	// Start is the beginning of day 0, and End that of the day after the last one.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Patients are those who exist from the beginning and to whom something
	// happens, as they are at the beginning. They have to be in the patients'
	// directory before the first happening.
	Patients   []Patient   `json:"patients"`
	Happenings []Happening `json:"happenings"` // in the order of their moments
}

// Options are what a scenario is compiled with.
type Options struct {
	// World is who is there already; nil for towns in which nobody lives.
	World *world.World
	// Seed chooses what the scenario leaves open.
	Seed uint64
	// Start is day 0 of a scenario that does not name it, whatever the time of that
	// day: what happens at 08:00 of day 0 may be before Start. The zero time means the
	// world's day, and without a world 5 January 2026.
	Start time.Time
}

// Compile reads a scenario and works out all that happens in it. The same text, world,
// seed and start make the same script. name is the file's name in messages.
//
// The error is yamltree.Problems: every mistake, and every thing that cannot happen,
// with its line and column.
func Compile(name string, text []byte, o Options) (*Script, error) {
	tree, root := yamltree.Parse(name, text)
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
		if o.World != nil {
			o.Start = o.World.Midnight()
		}
	}
	if o.World == nil {
		var err error
		if o.World, err = world.Empty(o.Seed, o.Start); err != nil {
			return nil, err
		}
	}
	s, err := newStage(o.World, o.Seed, o.Start)
	if err != nil {
		return nil, err
	}
	c := &compiler{stage: s, labels: map[string]*actor{}, doubtful: map[*actor]bool{}, picked: map[string]bool{}, named: map[string]named{}, counts: map[string]int{}}
	c.script.Start = midnight(o.Start)
	c.read(root)
	c.perform()
	if err := tree.Err(); err != nil {
		return nil, err
	}
	c.script.Patients, c.script.Happenings = s.cast(), s.numbered()
	return &c.script, nil
}

// midnight is the beginning of a moment's day in the United Kingdom.
func midnight(t time.Time) time.Time {
	t = local(t)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, nhs.UnitedKingdom())
}

// compiler compiles one scenario: first it reads the file, then it lets everything
// happen in the order of the moments.
type compiler struct {
	script Script
	stage  *stage
	labels map[string]*actor
	picked map[string]bool // NHS numbers of the world's people who have labels
	acts   []act
	// doubtful are those of whom something could not be read; that nothing else
	// can happen to them would be no news.
	doubtful map[*actor]bool
	named    map[string]named // records that have names
	counts   map[string]int   // of items, by verb
	tooMany  bool
}

// named is a provider's record that the scenario has named.
type named struct {
	of     *actor
	record string // id
}

// act is something that is going to happen to somebody.
type act struct {
	at     time.Time
	node   yamltree.Node // where it is written
	auto   bool          // it is not written, but follows from a birth: left out when it cannot happen
	who    who
	family bool // the family that lives with the patient does the same
	do     doer
	chance string // purpose of its source of chance
}

// doer works out what happens to a patient at a moment.
type doer func(m *moment) ([]Deed, *fault)

// moment is what a doer knows.
type moment struct {
	*stage
	at     time.Time
	actor  *actor
	chance *rand.Rand
}

// who is to whom an act happens.
type who struct {
	one   []*actor
	group func() []*actor // found when it happens; those to whom it cannot happen are left out
}

// maxActs limits a scenario, whose repetitions could go on for ever.
const maxActs = 200_000

func (c *compiler) add(a act) {
	if len(c.acts) >= maxActs {
		if !c.tooMany {
			a.node.Fail("too much happens", fmt.Sprintf("at most %d things", maxActs), "")
		}
		c.tooMany = true
		return
	}
	c.acts = append(c.acts, a)
}

// perform lets all acts happen in the order of their moments; of those at the same
// moment, in the order of the file.
func (c *compiler) perform() {
	slices.SortStableFunc(c.acts, func(a, b act) int { return a.at.Compare(b.at) })
	for _, a := range c.acts {
		all := a.who.one
		if a.who.group != nil {
			all = a.who.group()
		}
		happened := 0
		for _, head := range all {
			happened += c.one(a, head)
		}
		if a.who.group != nil && happened == 0 && len(c.doubtful) == 0 {
			a.node.Fail("this happens to nobody", "a group in which it can happen to somebody then", "")
		}
	}
}

// one lets an act happen to a patient, and to the household if it is an act of the
// family. It returns how many deeds were done.
func (c *compiler) one(a act, head *actor) (done int) {
	m := &moment{stage: c.stage, at: a.at, actor: head, chance: world.Rand(c.stage.seed, a.chance+" "+head.NHSNumber)}
	line, column := a.node.Place()
	deeds, f := a.do(m)
	targets := []*actor{head}
	if a.family && f == nil {
		targets = c.stage.family(head)
	}
	for i, target := range targets {
		for _, d := range deeds {
			if wrong := c.stage.perform(a.at, target, d, line, column); wrong == nil {
				done++
			} else if i == 0 && f == nil {
				f = wrong
			}
		}
	}
	if f == nil {
		return done
	}
	if !a.auto && a.who.group == nil && !c.doubtful[head] {
		a.node.Fail(f.what, f.expected, f.received)
	}
	if !head.exists { // nothing else can happen to somebody who was not born
		c.doubtful[head] = true
	}
	return done
}

package scenario

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"nems/internal/world"
	"nems/internal/yamltree"
)

// birth is what a scenario says of a birth.
type birth struct {
	babies      []*actor
	mother      *actor
	family      string
	given       []string
	gender      string
	weight      int // grams
	gestation   int // weeks
	abnormality bool
	time        string // HH:MM of the same day
	care        []string
}

// born reads a birth: the baby's label, or a mapping that says more. The item's moment
// is that of the birth's registration.
func born(c *compiler, it item) func(time.Time) []act {
	b := birth{care: cares}
	labels := []yamltree.Node{it.node}
	if it.node.IsMap() {
		m := it.node.Map("born", "baby", "babies", "mother", "family", "given", "gender", "weight", "gestation", "abnormality", "time", "care")
		b.read(c, m)
		baby, babies := m.Get("baby"), m.Get("babies")
		switch {
		case baby.Exists() == babies.Exists():
			m.Node().Fail("born", "baby, or babies of one birth", "")
			return nil
		case baby.Exists():
			labels = []yamltree.Node{baby}
		default:
			labels = babies.List("babies")
		}
	}
	if it.whoNode.Exists() {
		it.whoNode.Fail("who of a birth", "born: {baby: ..., mother: ...}", "")
	}
	for _, n := range labels {
		label := n.Text("the baby")
		if label == "" {
			return nil
		}
		if c.labels[label] != nil {
			n.Fail("there is a patient "+yamltree.Quote(label)+" already", "another label for the baby", "")
			return nil
		}
		a := c.baby(label, it.at, b)
		b.babies = append(b.babies, a)
	}
	return func(t time.Time) []act {
		var acts []act
		for order, a := range b.babies {
			acts = append(acts, act{at: t, node: it.key, who: who{one: []*actor{a}}, chance: "birth of " + a.label,
				do: func(m *moment) ([]Deed, *fault) { return m.born(b, order+1) }})
			acts = append(acts, c.stage.care(a, b.care, it.key, c.script.End)...)
		}
		return acts
	}
}

// read reads what a mapping says of a birth.
func (b *birth) read(c *compiler, m yamltree.Map) {
	for _, f := range m.Fields {
		v := f.Value
		switch f.Name {
		case "mother":
			b.mother = c.labelled(v)
		case "family":
			b.family = v.Text("family")
		case "given":
			b.given = v.Texts("given")
		case "gender":
			b.gender = v.OneOf("gender", world.Genders...)
		case "weight":
			const least, most = 300, 7000
			b.weight = v.Int("weight in grams", least, most)
		case "gestation":
			const least, most = 20, 44
			b.gestation = v.Int("gestation in weeks", least, most)
		case "abnormality":
			b.abnormality = v.Bool("abnormality")
		case "time":
			if b.time = v.Text("time"); b.time != "" {
				if _, err := time.Parse("15:04", b.time); err != nil {
					v.Fail("time of the birth", "a time, such as 04:05", yamltree.Quote(b.time))
					b.time = ""
				}
			}
		case "care":
			b.care = readCare(v)
		}
	}
}

// cares is all care that follows a birth.
var cares = []string{"registration", "nipe", "blood-spot", "hearing", "health-visitor", "vaccinations"}

// readCare reads all, none, or a list of what follows.
func readCare(n yamltree.Node) (chosen []string) {
	if n.IsText() {
		switch n.Text("care") {
		case "all":
			return cares
		case none:
			return nil
		}
	}
	for _, one := range n.List("care") {
		if word := one.OneOf("care", append(slices.Clone(cares), "all", none)...); word != "" {
			chosen = append(chosen, word)
		}
	}
	return chosen
}

// baby brings a child onto the stage who is going to be born.
func (c *compiler) baby(label string, registered time.Time, b birth) *actor {
	a := &actor{label: label, waiting: true}
	r := world.Rand(c.stage.seed, "baby "+label)
	a.Gender = cmp.Or(b.gender, []string{"female", "male"}[r.IntN(2)])
	a.bornAt = bornBefore(registered, r)
	if len(b.babies) > 0 { // of one birth: a few minutes later
		a.bornAt = b.babies[len(b.babies)-1].bornAt.Add(time.Duration(3+r.IntN(20)) * time.Minute)
	}
	if b.time != "" {
		a.bornAt, _ = c.onClock(yamltree.Node{}, midnight(registered), b.time, 0)
	}
	if a.bornAt.After(registered) {
		a.bornAt = registered
	}
	a.BirthDate = local(a.bornAt).Format(time.DateOnly)
	a.NHSNumber = c.stage.numbers()
	c.stage.enter(a)
	c.labels[label] = a
	return a
}

// bornBefore is the moment of a birth that is registered some hours later, to the
// minute.
func bornBefore(registered time.Time, r *rand.Rand) time.Time {
	const least, most = 60, 300 // minutes
	return registered.Add(-time.Duration(least+r.IntN(most-least)) * time.Minute).Truncate(time.Minute)
}

// born works out a birth: the baby has the family name, the home and, later, the
// practice of the mother.
func (m *moment) born(b birth, order int) ([]Deed, *fault) {
	a := m.actor
	d := Born{
		Time: a.bornAt.UTC(), Order: order, Births: len(b.babies), Abnormality: b.abnormality, EthnicCategory: "Z",
		WeightGrams: cmp.Or(b.weight, m.weight(len(b.babies))), GestationWeeks: cmp.Or(b.gestation, 37+m.chance.IntN(5)),
	}
	a.Family = b.family
	if b.mother != nil {
		mother := b.mother.Patient
		d.Mother, a.Mother, a.Address = &mother, mother.NHSNumber, mother.Address
		a.Family = cmp.Or(b.family, mother.Family)
		b.mother.touched = true
	}
	a.Family = cmp.Or(a.Family, m.guests.Family(m.chance))
	if a.Address.Lines == nil {
		a.Address.Lines, a.Address.Postcode = m.guests.Home(m.chance, m.guests.Town(m.chance))
	}
	if len(b.given) > 0 && len(b.babies) == 1 {
		a.Given = b.given
	} else {
		a.Given = m.guests.Given(m.chance, a.Family, a.Gender, a.bornAt)
	}
	d.RegisteringAuthority, d.ChildHealth = m.hospital(a), m.childHealth(a)
	return []Deed{d}, nil
}

// weight is the weight of a newborn in grams: about 3.3 kg, less for twins.
func (m *moment) weight(births int) int {
	const mean, spread, twins = 3350, 450, 750
	grams := int(mean + m.chance.NormFloat64()*spread)
	if births > 1 {
		grams -= twins
	}
	const least, most = 900, 5200
	return min(max(grams, least), most) / 5 * 5
}

// care returns what follows a birth on its days, until the end.
func (s *stage) care(a *actor, which []string, node yamltree.Node, end time.Time) (acts []act) {
	r := world.Rand(s.seed, "care of "+a.NHSNumber)
	add := func(at time.Time, do doer) {
		acts = append(acts, act{at: at, node: node, auto: true, who: who{one: []*actor{a}}, do: do, chance: fmt.Sprint("care ", len(acts))})
	}
	for _, name := range cares { // always in this order, so that leaving one out changes no other
		of := rand.New(rand.NewPCG(r.Uint64(), 0)) //nolint:gosec // nothing secret
		if !slices.Contains(which, name) && !slices.Contains(which, "all") {
			continue
		}
		switch name {
		case "registration":
			s.careRegistration(a, of, add)
		case "nipe":
			s.careNIPE(a, of, add)
		case "blood-spot":
			careBloodSpot(a, of, add)
		case "hearing":
			careHearing(a, of, add)
		case "health-visitor":
			careVisitor(a, of, add)
		case "vaccinations":
			s.careVaccinations(a, of, add)
		}
	}
	return slices.DeleteFunc(acts, func(a act) bool { return !a.at.Before(end) })
}

package scenario

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/nhs"
	"nems/internal/world"
	"nems/internal/yamltree"
)

// patient reads one patient of the scenario; what is left open is invented.
func (c *compiler) patient(f yamltree.Field) {
	label := f.Name
	if label == everyone || strings.ContainsAny(label, " ,{}[]") || label == "" || isDigits(label) {
		f.Key.Fail("the label of a patient", "a word, such as grace", yamltree.Quote(label))
		return
	}
	a := &actor{label: label, exists: true}
	c.labels[label] = a
	if !f.Value.IsEmpty() {
		m := f.Value.Map("a patient", "pick", "nhs-number", "family", "given", "gender", "born", "age", "address", "postcode", "town", "practice", "phone", "email",
			"mother", "lives-with", "new", "sensitive")
		if from := c.fromWorld(m); from != nil {
			from.label, c.labels[label] = label, from
			return
		}
		c.described(a, m)
	}
	c.invented(a)
	if c.stage.people[a.NHSNumber] != nil {
		f.Key.Fail("the NHS number of "+label+" is somebody else's", "a number that nobody has", "")
		return
	}
	c.stage.enter(a)
	c.stage.hadDoses(a, c.script.Start)
}

func isDigits(s string) bool { _, err := strconv.Atoi(s); return err == nil }

// fromWorld returns the person of the world whom a patient is, if that is said.
func (c *compiler) fromWorld(m yamltree.Map) *actor {
	number := m.Get("nhs-number")
	if pick := m.Get("pick"); pick.Exists() {
		if len(m.Fields) > 1 {
			m.Node().Fail("somebody who is picked from the world and described", "pick alone", "")
		}
		return c.pick(pick)
	}
	if !number.Exists() {
		return nil
	}
	known := c.stage.people[strings.ReplaceAll(number.Text("nhs-number"), " ", "")]
	if known != nil && len(m.Fields) > 1 {
		number.Fail("this patient is in the world, with a record", "nhs-number alone, or a number that nobody in the world has", "")
	}
	return known
}

// pick picks a person of the world: by gender, age and town, each once.
func (c *compiler) pick(n yamltree.Node) *actor {
	var gender, town string
	least, most := 0, 130
	if !n.IsEmpty() {
		m := n.Map("pick", "gender", "age", "town", "registered")
		if g := m.Get("gender"); g.Exists() {
			gender = g.OneOf("gender", world.Genders...)
		}
		if age := m.Get("age"); age.Exists() {
			low, high, is := strings.Cut(age.Text("age"), "-")
			var err1, err2 error
			least, err1 = strconv.Atoi(strings.TrimSpace(low))
			if most = least; is {
				most, err2 = strconv.Atoi(strings.TrimSpace(high))
			}
			if err1 != nil || err2 != nil || least > most {
				age.Fail("age", "years, such as 30 or 25-35", yamltree.Quote(age.Text("age")))
			}
		}
		if t := m.Get("town"); t.Exists() {
			if place := c.town(t); place != nil {
				town = place.Name
			}
		}
	}
	chance := world.Rand(c.stage.seed, "pick "+strconv.Itoa(len(c.picked)))
	var fitting []*actor
	for _, a := range c.stage.order {
		years := age(a.bornAt, c.script.Start)
		home := c.stage.world.TownOf(a.Address.Postcode)
		if a.label == "" && !c.picked[a.NHSNumber] && years >= least && years <= most && (gender == "" || a.Gender == gender) &&
			(town == "" || home != nil && home.Name == town) && !a.waiting {
			fitting = append(fitting, a)
		}
	}
	if len(fitting) == 0 {
		n.Fail("nobody in the world is so", "a world (--world) with somebody of this kind", "")
		return nil
	}
	chosen := fitting[chance.IntN(len(fitting))]
	c.picked[chosen.NHSNumber] = true
	return chosen
}

// age is an age in full years.
func age(born, at time.Time) int {
	born, at = local(born), local(at)
	years := at.Year() - born.Year()
	if born.AddDate(years, 0, 0).After(at) {
		years--
	}
	return years
}

// town reads the name of a town of the world.
func (c *compiler) town(n yamltree.Node) *world.Town {
	names := make([]string, len(c.stage.world.Towns))
	text := n.Text("town")
	for i := range c.stage.world.Towns {
		if names[i] = c.stage.world.Towns[i].Name; strings.EqualFold(names[i], text) {
			return &c.stage.world.Towns[i]
		}
	}
	n.Fail("a town", yamltree.Choice(names, text), yamltree.Quote(text))
	return nil
}

// practice reads the code of a practice of the world; "" if there is none.
func (c *compiler) practice(n yamltree.Node) string {
	code := world.ODS(n, "a practice")
	if _, _, known := c.stage.world.Practice(code); known || code == "" {
		return code
	}
	var codes []string
	for _, t := range c.stage.world.Towns {
		for _, p := range t.Practices {
			codes = append(codes, p.Code)
		}
	}
	n.Fail("a practice that is not in the world", yamltree.Choice(codes, code), yamltree.Quote(code))
	return ""
}

// described reads what the scenario says of a patient.
func (c *compiler) described(a *actor, m yamltree.Map) {
	for _, f := range m.Fields {
		v := f.Value
		switch f.Name {
		case "nhs-number":
			a.NHSNumber = world.Number(v, "nhs-number")
		case "family":
			a.Family = v.Text("family")
		case "given":
			a.Given = v.Texts("given")
		case "gender":
			a.Gender = v.OneOf("gender", world.Genders...)
		case "born":
			if a.BirthDate = world.Date(v, "born"); a.BirthDate > c.script.Start.Format(time.DateOnly) {
				v.Fail("somebody who exists already is born after the start", "a date until then, or new: yes with added, or born in the scenario", yamltree.Quote(a.BirthDate))
			}
		case "age":
			const oldest = 120
			a.BirthDate = c.script.Start.AddDate(-v.Int("age", 0, oldest), 0, -37).Format(time.DateOnly)
		case "address":
			a.Address.Lines = world.Lines(v)
		case "postcode":
			a.Address.Postcode = world.Postcode(v, "postcode")
		case "town":
			if t := c.town(v); t != nil && a.Address.Lines == nil {
				a.Address.Lines, a.Address.Postcode = c.stage.guests.Home(world.Rand(c.stage.seed, "home of "+a.label), t)
			}
		case "practice":
			if a.Practice = none; v.Text("practice") != none {
				a.Practice = cmp.Or(c.practice(v), none)
			}
		case "phone":
			a.Phone = v.Text("phone")
		case "email":
			a.Email = v.Text("email")
		case "mother":
			if mother := c.labelled(v); mother != nil {
				a.Mother = mother.NHSNumber
			}
		case "lives-with":
			if with := c.labelled(v); with != nil {
				a.Address, a.Practice = with.Address, cmp.Or(a.Practice, with.Practice)
			}
		case "new":
			a.waiting = v.Bool("new")
			a.exists = !a.waiting
		case "sensitive":
			a.Sensitive = v.Bool("sensitive")
		}
	}
	if (a.Address.Lines == nil) != (a.Address.Postcode == "") {
		m.Node().Fail("the home of "+a.label, "address and postcode, or neither", "")
	}
}

// none is written for a patient who is registered nowhere.
const none = "none"

// invented fills in what the scenario leaves open.
func (c *compiler) invented(a *actor) {
	chance := world.Rand(c.stage.seed, "record of "+a.label)
	if a.BirthDate == "" {
		const youngest, span = 20, 50 // years
		a.BirthDate = c.script.Start.AddDate(-youngest-chance.IntN(span), 0, -chance.IntN(365)).Format(time.DateOnly)
	}
	p := c.stage.guests.Person(chance, a.Gender, day(a.BirthDate))
	if a.NHSNumber == "" {
		a.NHSNumber = c.stage.numbers()
	}
	a.Gender, a.Phone = cmp.Or(a.Gender, p.Gender), cmp.Or(a.Phone, p.Phone)
	switch {
	case len(a.Given) > 0:
	case a.Family == "":
		a.Given = p.Given
	default:
		a.Given = c.stage.guests.Given(chance, a.Family, a.Gender, day(a.BirthDate))
	}
	a.Family = cmp.Or(a.Family, p.Family)
	if a.Email == "" && p.Email != "" {
		a.Email = c.stage.guests.Email(chance, a.Given, a.Family)
	}
	if a.Address.Lines == nil {
		a.Address.Lines, a.Address.Postcode = c.stage.guests.Home(chance, c.stage.guests.Town(chance))
	}
	if a.Practice == "" && !a.waiting {
		a.Practice = c.stage.somePractice(chance, a)
	}
	if a.Practice == none {
		a.Practice = ""
	}
}

const everyone = "everyone"

// who reads to whom something happens.
func (c *compiler) who(n yamltree.Node) who {
	switch {
	case !n.Exists():
		return who{}
	case n.IsEmpty():
		n.Fail("who", "a patient, a list of them, or a group such as everyone", "nothing")
		return who{}
	case n.IsMap():
		return c.group(n)
	case n.IsText() && n.Text("who") == everyone:
		return who{group: func() []*actor { return slices.Clone(c.stage.order) }}
	}
	var w who
	for _, one := range n.List("who") {
		if a := c.labelled(one); a != nil {
			w.one = append(w.one, a)
		}
	}
	return w
}

// group reads a group, whose members are found when something happens to them.
func (c *compiler) group(n yamltree.Node) who {
	m := n.Map("who", "practice", "household", "town")
	if practice := m.Get("practice"); practice.Exists() {
		code := c.practice(practice)
		if code == "" {
			return who{}
		}
		return who{group: func() []*actor { return c.stage.where(func(a *actor) bool { return a.Practice == code }) }}
	}
	if household := m.Get("household"); household.Exists() {
		a := c.labelled(household)
		if a == nil {
			return who{}
		}
		return who{group: func() []*actor { return c.stage.household(a) }}
	}
	if town := m.Get("town"); town.Exists() {
		if t := c.town(town); t != nil {
			return who{group: func() []*actor {
				return c.stage.where(func(a *actor) bool { return c.stage.world.TownOf(a.Address.Postcode) == t })
			}}
		}
	}
	return who{}
}

// where returns those patients who exist and are so.
func (s *stage) where(is func(*actor) bool) (out []*actor) {
	for _, a := range s.order {
		if a.exists && is(a) {
			out = append(out, a)
		}
	}
	return out
}

// called returns the people of the world who have a first and a family name.
func (c *compiler) called(name string) (out []*actor) {
	if !strings.Contains(name, " ") {
		return nil
	}
	for _, a := range c.stage.order {
		if a.label == "" && len(a.Given) > 0 && strings.EqualFold(a.Given[0]+" "+a.Family, name) {
			out = append(out, a)
		}
	}
	return out
}

// labelled reads a patient: a label of the scenario, or an NHS number or a name of
// the world.
func (c *compiler) labelled(n yamltree.Node) *actor {
	text := n.Text("a patient")
	if a := c.labels[text]; a != nil {
		return a
	}
	if number, err := nhs.ParseNHSNumber(text); err == nil {
		if a := c.stage.people[number.Digits()]; a != nil {
			return a
		}
		n.Fail("a patient who is not in the world", "an NHS number of the world (--world), or a label of patients:", yamltree.Quote(text))
		return nil
	}
	if text == "" {
		return nil
	}
	switch called := c.called(text); len(called) {
	case 0:
	case 1:
		return called[0]
	default:
		numbers := make([]string, len(called))
		for i, a := range called {
			numbers[i] = a.NHSNumber
		}
		n.Fail("several people of the world are called "+yamltree.Quote(text), "an NHS number: "+yamltree.Choice(numbers, ""), "")
		return nil
	}
	labels := slices.Sorted(maps.Keys(c.labels))
	if near := c.labels[yamltree.Nearest(text, labels)]; near != nil {
		c.doubtful[near] = true
	}
	expected := "a label that is written above: in patients:, or of a baby that is born"
	if len(labels) > 0 {
		expected = yamltree.Choice(labels, text) + ", written above"
	}
	n.Fail("there is no patient "+yamltree.Quote(text), expected, "")
	return nil
}

package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"nems/internal/nhs"
	"nems/internal/yamltree"
)

// read reads the whole file.
func (c *compiler) read(root yamltree.Node) {
	m := root.Map("a scenario", "scenario", "about", "start", "lasts", "patients", "happens")
	if name, there := m.Need("the file", "scenario", "the name of the scenario"); there {
		c.script.Name = name.Text("the name")
		c.stage.numbers = c.stage.world.NewNumbers(c.stage.seed, c.script.Name) // whatever the file's name
	}
	if about := m.Get("about"); about.Exists() {
		c.script.About = about.Text("about")
	}
	if start := m.Get("start"); start.Exists() {
		if t, err := time.ParseInLocation(time.DateOnly, start.Text("start"), nhs.UnitedKingdom()); err == nil {
			c.script.Start = t
		} else {
			start.Fail("start", "a date that exists, as YYYY-MM-DD", yamltree.Quote(start.Text("start")))
		}
	}
	c.script.End = c.script.Start.AddDate(1, 0, 0)
	if lasts := m.Get("lasts"); lasts.Exists() {
		if span, ok := readSpan(lasts, "lasts"); ok {
			c.script.End = span.After(c.script.Start)
		}
	}
	if patients := m.Get("patients"); patients.Exists() {
		for _, f := range patients.Map("the patients").Fields {
			c.patient(f)
		}
	}
	if happens, there := m.Need("the scenario", "happens", "a list of what happens"); there {
		c.items(happens, c.script.Start.Add(opening))
	}
}

// opening is when things happen that name a day and no time.
const opening = 9 * time.Hour

func readSpan(n yamltree.Node, what string) (Span, bool) {
	text := n.Text(what)
	s, err := ParseSpan(text)
	if err != nil {
		n.Fail(what, err.Error(), yamltree.Quote(text))
	}
	return s, err == nil
}

// items reads a list of what happens. The first + counts from a moment; it returns
// when the last item happens.
func (c *compiler) items(list yamltree.Node, from time.Time) {
	if !list.IsList() {
		list.Fail("what happens", "a list: each item begins with a dash", "")
		return
	}
	before := from
	for _, n := range list.List("what happens") {
		if c.tooMany {
			return // repetitions within repetitions would multiply for hours
		}
		before = c.item(n, before)
	}
}

// common are the keys of an item beside its verb.
var common = []string{"at", "who", "repeat", "then", "note"}

// item reads one item and returns when it happens, the last time if it is repeated.
func (c *compiler) item(n yamltree.Node, before time.Time) time.Time {
	m := n.Map("an item", append(slices.Clone(common), verbNames()...)...)
	if !n.IsMap() {
		return before
	}
	var chosen *yamltree.Field
	for i, f := range m.Fields {
		switch {
		case slices.Contains(common, f.Name):
		case chosen == nil:
			chosen = &m.Fields[i]
		default:
			f.Key.Fail("an item in which two things happen", "one of them; write - before "+f.Name+" to begin another item", chosen.Name+" and "+f.Name)
		}
	}
	everybody := c.who(m.Get("who"))
	at, ok := c.when(m.Get("at"), before, everybody)
	var make func(time.Time) []act
	switch {
	case chosen != nil:
		verb := verbs()[chosen.Name]
		make = verb(c, item{name: chosen.Name, node: chosen.Value, key: chosen.Key, who: everybody, whoNode: m.Get("who"), at: at})
	case !m.Get("then").Exists() && m.Unknown == 0:
		n.Fail("an item in which nothing happens", "one of "+strings.Join(verbNames(), ", "), "")
	}
	if !ok || chosen != nil && make == nil {
		for _, a := range everybody.one {
			c.doubtful[a] = true
		}
		if !ok {
			return before
		}
	}
	last := at
	for _, t := range c.occurrences(m.Get("repeat"), at) {
		if c.tooMany {
			break
		}
		if !t.Before(c.script.End) || t.Before(c.script.Start) {
			m.Node().Fail("this happens outside the scenario", "a moment from "+c.script.Start.Format(time.DateOnly)+
				" to "+c.script.End.AddDate(0, 0, -1).Format(time.DateOnly)+" (start and lasts change that)", t.Format(written24))
			break
		}
		if make != nil {
			for _, a := range make(t) {
				c.add(a)
			}
		}
		if then := m.Get("then"); then.Exists() {
			c.items(then, t)
		}
		last = t
	}
	return last
}

// occurrences returns the moments of an item that may be repeated.
func (c *compiler) occurrences(n yamltree.Node, at time.Time) []time.Time {
	all := []time.Time{at}
	if !n.Exists() {
		return all
	}
	m := n.Map("repeat", "every", "times", "until")
	every, there := m.Need("repeat", "every", "a length of time, such as every: 7d")
	if !there {
		return all
	}
	span, ok := readSpan(every, "every")
	if !ok {
		return all
	}
	const most = 10_000
	times, until := most+1, c.script.End
	if t := m.Get("times"); t.Exists() {
		times = t.Int("times", 1, most)
	}
	if u := m.Get("until"); u.Exists() {
		until, _ = c.when(u, at, who{})
	}
	if !span.After(at).After(at) {
		every.Fail("every", "more than nothing", "")
		return all
	}
	for t := span.After(at); len(all) < times && t.Before(until) && t.Before(c.script.End); t = span.After(t) {
		if all = append(all, t); len(all) > most {
			every.Fail("repeated too often", "at most 10000 times: say times or until", "")
			return all[:1]
		}
	}
	return all
}

var (
	dayN    = regexp.MustCompile(`^day (\d{1,5})(?: (\d{1,2}:\d{2}))?$`)
	later   = regexp.MustCompile(`^\+\s*(.*?)(?: (\d{1,2}:\d{2}))?$`)
	ofAge   = regexp.MustCompile(`^age (.*?)(?: (\d{1,2}:\d{2}))?$`)
	onDate  = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[ T](\d{1,2}:\d{2}))?$`)
	moments = "day 5 09:00, +3d, +2h, age 8 weeks (of who), 2026-03-02 or 2026-03-02 09:00"
)

// when reads a moment. Without one, an item happens together with the one before.
func (c *compiler) when(n yamltree.Node, before time.Time, of who) (time.Time, bool) {
	if !n.Exists() {
		return before, true
	}
	text := n.Text("at")
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return local(t), true
	}
	if f := dayN.FindStringSubmatch(text); f != nil {
		var days int
		fmt.Sscan(f[1], &days)
		return c.onClock(n, c.script.Start.AddDate(0, 0, days), f[2], opening)
	}
	if f := onDate.FindStringSubmatch(text); f != nil {
		date, err := time.ParseInLocation(time.DateOnly, f[1], nhs.UnitedKingdom())
		if err != nil {
			n.Fail("at", "a date that exists", yamltree.Quote(text))
			return before, false
		}
		return c.onClock(n, date, f[2], opening)
	}
	from, span := before, ""
	clock, standard := "", time.Duration(-1)
	if f := later.FindStringSubmatch(text); f != nil {
		span, clock = f[1], f[2]
	} else if f := ofAge.FindStringSubmatch(text); f != nil {
		if len(of.one) != 1 {
			n.Fail("an age", "one patient as who", yamltree.Quote(text))
			return before, false
		}
		from, span, clock, standard = midnight(of.one[0].bornAt), f[1], f[2], opening
	} else {
		n.Fail("at", moments, yamltree.Quote(text))
		return before, false
	}
	s, err := ParseSpan(span)
	if err != nil {
		n.Fail("at", moments, yamltree.Quote(text))
		return before, false
	}
	t := s.After(from)
	if clock == "" && standard < 0 {
		return t, true
	}
	return c.onClock(n, t, clock, standard)
}

// onClock sets a day's time.
func (c *compiler) onClock(n yamltree.Node, t time.Time, clock string, standard time.Duration) (time.Time, bool) {
	hour, minute := int(standard/time.Hour), int(standard%time.Hour/time.Minute)
	if clock != "" {
		read, err := time.Parse("15:04", clock)
		if err != nil {
			n.Fail("at", "a time that exists, from 00:00 to 23:59", yamltree.Quote(clock))
			return t, false
		}
		hour, minute = read.Hour(), read.Minute()
	}
	return time.Date(t.Year(), t.Month(), t.Day(), hour, minute, 0, 0, nhs.UnitedKingdom()), true
}

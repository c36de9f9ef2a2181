package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nems/internal/yamltree"
)

// item is one item of a scenario, as far as its verb needs it.
type item struct {
	name    string        // of the verb
	node    yamltree.Node // the verb's value
	key     yamltree.Node // the verb
	who     who
	whoNode yamltree.Node
	at      time.Time
}

// verb reads the value of a verb and returns what makes the acts of each moment at
// which the item happens; nil if the value is wrong.
type verb func(*compiler, item) func(time.Time) []act

// verbs are all verbs of the language.
func verbs() map[string]verb {
	return map[string]verb{
		"added":            simple(added),
		"born":             born,
		"death":            simple(death),
		"moves":            moves,
		"rewrites-address": simple(rewritesAddress),
		"registers":        simple(registers),
		"deregisters":      simple(deregisters),
		"renames":          simple(renames),
		"contact-details":  simple(contactDetails),
		"corrects":         simple(corrects),
		"sensitive":        simple(sensitive),
		"invalidated":      simple(invalidated),
		"merged-into":      simple(mergedInto),
		"vaccinated":       simple(vaccinated),
		"health-visiting":  simple(healthVisiting),
		"blood-spot":       simple(bloodSpot),
		"newborn-hearing":  simple(newbornHearing),
		"nipe":             simple(nipe),
	}
}

func verbNames() []string { return slices.Sorted(maps.Keys(verbs())) }

// simple is a verb of which something happens to each of who.
func simple(read func(*compiler, yamltree.Node) doer) verb {
	return func(c *compiler, it item) func(time.Time) []act {
		do := read(c, it.node)
		if !c.somebody(it) || do == nil {
			return nil
		}
		return c.acts1(it, false, do)
	}
}

// somebody reports an item that does not say to whom it happens.
func (c *compiler) somebody(it item) bool {
	if it.whoNode.Exists() { // that it is wrong was reported where it was read
		return len(it.who.one) > 0 || it.who.group != nil
	}
	it.key.Fail("an item does not say to whom it happens", "who: and a patient", "")
	return false
}

// acts1 returns what makes the one act of a moment.
func (c *compiler) acts1(it item, family bool, do doer) func(time.Time) []act {
	return func(t time.Time) []act {
		c.counts[it.name]++ // of one verb, so that another item changes the chances of few
		return []act{{at: t, node: it.key, who: it.who, family: family, do: do, chance: fmt.Sprint(it.name, " ", c.counts[it.name])}}
	}
}

// always is a doer that does not depend on the patient.
func always(d Deed) doer { return func(*moment) ([]Deed, *fault) { return []Deed{d}, nil } }

// nothingMore reports a value of a verb that takes none.
func nothingMore(n yamltree.Node, what string) {
	if !n.IsEmpty() && !(n.IsText() && n.Text(what) == "yes") {
		n.Fail(what, "nothing more, or yes", "")
	}
}

func added(_ *compiler, n yamltree.Node) doer {
	nothingMore(n, "added")
	return always(Added{})
}

func invalidated(_ *compiler, n yamltree.Node) doer {
	nothingMore(n, "invalidated")
	return always(Invalidated{})
}

func sensitive(_ *compiler, n yamltree.Node) doer {
	switch n.OneOf("sensitive", "set", "removed") {
	case "set":
		return always(Flagged{Set: true})
	case "removed":
		return always(Flagged{})
	}
	return nil
}

func mergedInto(c *compiler, n yamltree.Node) doer {
	into := c.labelled(n)
	if into == nil {
		return nil
	}
	return func(m *moment) ([]Deed, *fault) {
		into.touched = true // its record has to be there
		return []Deed{Merged{Into: into.NHSNumber}}, nil
	}
}

// death reads informal, formal or removed, or a mapping with the date of death.
func death(_ *compiler, n yamltree.Node) doer {
	status, on := n, yamltree.Node{}
	if n.IsMap() {
		m := n.Map("death", "status", "on")
		var there bool
		if status, there = m.Need("death", "status", "informal, formal or removed"); !there {
			return nil
		}
		on = m.Get("on")
	}
	var date func(time.Time) string
	if on.Exists() {
		if date = dated(on); date == nil {
			return nil
		}
	}
	code := map[string]string{"informal": Informal, "formal": Formal}
	switch word := status.OneOf("death", "informal", "formal", "removed"); word {
	case "":
		return nil
	case "removed":
		return always(DeathRemoved{})
	default:
		return func(m *moment) ([]Deed, *fault) { return []Deed{m.death(code[word], date)}, nil }
	}
}

// death dates a death: as the scenario says, as it was notified before, or a few hours
// ago.
func (m *moment) death(status string, date func(time.Time) string) Died {
	d := Died{Status: status}
	switch {
	case date != nil:
		d.Time = day(date(m.at))
	case m.actor.dead != "":
		d.Time = m.actor.diedAt
	default:
		const longest = 300 // minutes
		d.Time = m.at.Add(-time.Duration(60+m.chance.IntN(longest)) * time.Minute)
		d.Time = notBefore(d.Time, m.actor.bornAt)
	}
	d.Time = d.Time.UTC()
	return d
}

// notBefore returns a, or b if that is later.
func notBefore(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// removals are the reasons for which a registration ends (PDS,
// RemovalFromRegistration).
var removals = map[string]string{
	"death": "DEA", "embarkation": "EMB", "scotland": "SCT", "northern-ireland": "NIT", "transferred": "TRA", "other": "ORR",
}

func deregisters(_ *compiler, n yamltree.Node) doer {
	reason := "other"
	if !n.IsEmpty() {
		if reason = n.OneOf("deregisters", slices.Sorted(maps.Keys(removals))...); reason == "" {
			return nil
		}
	}
	return always(Deregistered{Reason: removals[reason]})
}

func corrects(_ *compiler, n yamltree.Node) doer {
	m := n.Map("corrects", "gender", "born")
	var d Corrected
	if g := m.Get("gender"); g.Exists() {
		d.Gender = g.OneOf("gender", "female", "male", "other", "unknown")
	}
	if b := m.Get("born"); b.Exists() {
		d.BirthDate = onlyDate(b)
	}
	if d == (Corrected{}) {
		if n.IsMap() && len(m.Fields) == 0 {
			n.Fail("corrects", "gender or born", "")
		}
		return nil
	}
	return always(d)
}

func renames(c *compiler, n yamltree.Node) doer {
	var d Renamed
	if !n.IsEmpty() {
		m := n.Map("renames", "family", "given")
		if f := m.Get("family"); f.Exists() {
			d.Family = f.Text("family")
		}
		if g := m.Get("given"); g.Exists() {
			d.Given = g.Texts("given")
		}
		if d.Family == "" && len(d.Given) == 0 {
			return nil
		}
		return always(d)
	}
	return func(m *moment) ([]Deed, *fault) {
		family := m.guests.Family(m.chance)
		if family == m.actor.Family {
			family += "-Jones"
		}
		return []Deed{Renamed{Family: family}}, nil
	}
}

func contactDetails(c *compiler, n yamltree.Node) doer {
	if n.IsEmpty() {
		return func(m *moment) ([]Deed, *fault) {
			phone := m.guests.Mobile(m.chance)
			for phone == m.actor.Phone {
				phone = m.guests.Mobile(m.chance)
			}
			return []Deed{TelecomChanged{Phone: phone}}, nil
		}
	}
	m := n.Map("contact-details", "phone", "email")
	var d TelecomChanged
	if p := m.Get("phone"); p.Exists() {
		d.Phone = p.Text("phone")
	}
	if e := m.Get("email"); e.Exists() {
		d.Email = e.Text("email")
	}
	if d.Phone == "" && d.Email == "" {
		return nil
	}
	return always(d)
}

// dated reads a day: a date, or how long before the item's moment, such as 2d ago.
func dated(n yamltree.Node) func(at time.Time) string {
	if length, is := strings.CutSuffix(n.Text("a day"), " ago"); is {
		s, ok := ParseSpan(length)
		if ok != nil || s.Rest != 0 {
			n.Fail("a day", "a length of time in days or more, such as 2d ago", yamltree.Quote(length+" ago"))
			return nil
		}
		return func(at time.Time) string { return local(at).AddDate(0, -s.Months, -s.Days).Format(time.DateOnly) }
	}
	date := onlyDate(n)
	if date == "" {
		return nil
	}
	return func(time.Time) string { return date }
}

// onlyDate reads a date that exists; "" if it is none.
func onlyDate(n yamltree.Node) string {
	text := n.Text("a date")
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		n.Fail("a date", "one that exists, as YYYY-MM-DD", yamltree.Quote(text))
		return ""
	}
	return text
}

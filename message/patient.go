package message

import (
	"slices"
	"strconv"
	"strings"
)

// Patient is a person's record at the Personal Demographics Service (PDS), as far
// as messages hold it.
type Patient struct {
	NHSNumber string // ten digits; PDS has verified it
	// VersionID is the record's serial change number (SCN) at PDS. Events of
	// demographics need it.
	VersionID string
	// Names has exactly one official name: the one that PDS has. It goes into the
	// routing demographics too.
	Names     []HumanName
	Telecoms  []Contact
	Gender    Gender
	BirthDate Date // to the day, or less if no more is known
	BirthTime Date // a time; "" means unknown
	Addresses []Address
	Ethnicity Ethnicity
	// MultipleBirth is the place in the order of birth, 1 to 7; 8 means not
	// applicable, 9 not known, 0 that nothing is said.
	MultipleBirth int
}

// HumanName is a name of a person.
type HumanName struct {
	Use    string // usual, official, temp, nickname, anonymous, old, maiden; "" means official
	Prefix []string
	Given  []string // each name for itself
	Family string
	Suffix []string
}

// Gender is the administrative gender.
type Gender string

// Genders. An empty one means that nothing is said.
const (
	Male          Gender = "male"
	Female        Gender = "female"
	OtherGender   Gender = "other"
	UnknownGender Gender = "unknown"
)

// Uses of an address.
const (
	HomeAddress = "home"
	OldAddress  = "old"
	TempAddress = "temp"
	WorkAddress = "work"
)

// Address is an address as PDS has it.
type Address struct {
	Use string // home, old, temp, work; "" means none
	// Lines are the five lines of PDS, in their order. Blank ones are left out.
	Lines    []string
	Postcode string
	Start    Date // when it began and ended; "" means unknown
	End      Date
}

// written returns the lines that are written.
func (a Address) written() []string {
	var lines []string
	for _, line := range a.Lines {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// text is the whole address in one line.
func (a Address) text() string {
	parts := a.written()
	if a.Postcode != "" {
		parts = append(parts, a.Postcode)
	}
	return strings.Join(parts, ", ")
}

func (a Address) check(c *checker, field string) {
	c.optional(a.Use, func() { c.oneOf(field+".Use", a.Use, HomeAddress, WorkAddress, TempAddress, OldAddress) })
	for i, line := range a.Lines {
		if line = strings.TrimSpace(line); line != "" {
			c.text(at(field+".Lines", i), line)
		}
	}
	c.optional(a.Postcode, func() { c.text(field+".Postcode", a.Postcode) })
	c.period(field, a.Start, a.End)
}

// period checks a start and an end that may be unknown. The end is not before the
// start, as far as both can be compared.
func (c *checker) period(field string, start, end Date) {
	c.optional(string(start), func() { c.dateTime(within(field, "Start"), start) })
	c.optional(string(end), func() { c.dateTime(within(field, "End"), end) })
	known := min(len(start), len(end), len("2006-01-02"))
	early := end[:known] < start[:known]
	if start.isMoment() && end.isMoment() {
		early = end.moment().Before(start.moment())
	}
	if early {
		c.wrong(within(field, "End"), "is not before Start")
	}
}

// use is what the name is for.
func (n HumanName) use() string {
	if n.Use == "" {
		return "official"
	}
	return n.Use
}

func (n HumanName) check(c *checker, field string) {
	c.oneOf(field+".Use", n.use(), "usual", "official", "temp", "nickname", "anonymous", "old", "maiden")
	c.text(field+".Family", n.Family)
	for _, list := range []struct {
		field string
		parts []string
	}{{".Prefix", n.Prefix}, {".Given", n.Given}, {".Suffix", n.Suffix}} {
		for i, part := range list.parts {
			c.text(at(field+list.field, i), part)
		}
	}
}

// official returns the name that PDS has.
func (p Patient) official() (HumanName, bool) {
	i := slices.IndexFunc(p.Names, func(n HumanName) bool { return n.use() == "official" })
	if i < 0 {
		return HumanName{}, false
	}
	return p.Names[i], true
}

// check checks what every message needs of a patient.
func (p Patient) check(c *checker, field string) {
	c.nhsNumber(field+".NHSNumber", p.NHSNumber)
	c.date(field+".BirthDate", p.BirthDate)
	if name, found := p.official(); !found {
		c.wrong(field+".Names", "has the official name")
	} else if len(name.Given) == 0 {
		c.wrong(field+".Names", "has a given name in the official name")
	}
	p.checkGiven(c, field)
}

// checkGiven checks what is given of a patient; nothing has to be.
func (p Patient) checkGiven(c *checker, field string) {
	official := 0
	for i, name := range p.Names {
		name.check(c, at(field+".Names", i))
		if name.use() == "official" {
			official++
		}
	}
	if official > 1 {
		c.wrong(field+".Names", "has one official name, not several")
	}
	for i, contact := range p.Telecoms {
		c.contact(at(field+".Telecoms", i), contact)
	}
	c.optional(p.NHSNumber, func() { c.nhsNumber(field+".NHSNumber", p.NHSNumber) })
	c.optional(p.VersionID, func() { c.number(field+".VersionID", p.VersionID) })
	c.optional(string(p.Gender), func() { c.oneOf(field+".Gender", string(p.Gender), "male", "female", "other", "unknown") })
	c.optional(string(p.BirthDate), func() { c.date(field+".BirthDate", p.BirthDate) })
	p.checkBirthTime(c, field)
	for i, address := range p.Addresses {
		address.check(c, at(field+".Addresses", i))
	}
	c.optional(string(p.Ethnicity), func() { p.Ethnicity.check(c, field+".Ethnicity") })
	if p.MultipleBirth < 0 || p.MultipleBirth > 9 {
		c.wrong(field+".MultipleBirth", "is 1 to 9, or 0 where nothing is said")
	}
}

// checkBirthTime checks that a time of birth is on the day of birth.
func (p Patient) checkBirthTime(c *checker, field string) {
	switch {
	case p.BirthTime == "":
	case !p.BirthTime.isMoment():
		c.wrong(field+".BirthTime", "is a time, like 2026-03-04T05:06:07+00:00")
	case len(p.BirthDate) > len(p.BirthTime) || p.BirthTime[:len(p.BirthDate)] != p.BirthDate:
		c.wrong(field+".BirthTime", "is on the day of BirthDate")
	}
}

// version checks the SCN, which events of demographics need.
func (p Patient) version(c *checker, field string) {
	if p.VersionID == "" {
		c.wrong(field+".VersionID", "is missing: the serial change number of the record")
	}
}

func (p Patient) multipleBirth() string {
	if p.MultipleBirth == 0 {
		return ""
	}
	return strconv.Itoa(p.MultipleBirth)
}

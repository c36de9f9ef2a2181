package pdsapi

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/demographics"
)

func itoa(i int) string { return strconv.Itoa(i) }

// change is a record before and after, and what decides whether the one may
// become the other (patient-patch.yaml, Patient data fields).
type change struct {
	old, new *demographics.Record
	rights   Rights
	now      time.Time
	// practice reports whether a code is that of a GP practice.
	practice func(code string) bool
}

// check returns the first rule that the change breaks. It sets when a new status
// of death takes effect.
func (c change) check() *Fault {
	if c.old.Sensitive && !c.rights.Authority {
		return mayNot("source not permitted to update a restricted patient")
	}
	for _, rule := range []func() *Fault{c.names, c.birth, c.death, c.addresses, c.telecoms, c.organisations} {
		if fault := rule(); fault != nil {
			return fault
		}
	}
	return nil
}

func (c change) today() string { return c.now.UTC().Format(time.DateOnly) }

// nameText are the characters that a name may have.
var nameText = regexp.MustCompile(`^[A-Za-z0-9 .'\-\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{17F}]*$`)

func (c change) names() *Fault {
	count := func(r *demographics.Record, use string) (n int) {
		for _, name := range r.Names {
			if name.Use == use {
				n++
			}
		}
		return n
	}
	usual, nicknames := count(c.new, "usual"), count(c.new, "nickname")
	switch {
	case usual > 1 && usual > count(c.old, "usual"):
		return mayNot("multiple usual names cannot be added")
	case usual == 0 && count(c.old, "usual") > 0:
		return mayNot("not permitted to remove usual name")
	case nicknames > 1 && nicknames > count(c.old, "nickname"):
		return mayNot("multiple nicknames cannot be added")
	}
	for i, name := range c.new.Names {
		path := "name/" + itoa(i)
		was := slices.IndexFunc(c.old.Names, func(old demographics.Name) bool { return old.ID == name.ID })
		if was >= 0 && reflect.DeepEqual(c.old.Names[was], name) {
			continue
		}
		if was >= 0 && c.old.Names[was].Use != name.Use {
			return mayNot("the use of an existing name cannot be replaced: remove '%s' and add another", path)
		}
		if fault := nameItem(path, name); fault != nil {
			return fault
		}
	}
	return nil
}

func nameItem(path string, name demographics.Name) *Fault {
	for _, part := range []struct {
		member string
		texts  []string
	}{{"family", []string{name.Family}}, {"given", name.Given}, {"prefix", name.Prefix}, {"suffix", name.Suffix}} {
		for _, text := range part.texts {
			if !nameText.MatchString(text) {
				return badRequest(unsupportedChars, "Unsupported characters in field '"+path+"/"+part.member+"'")
			}
		}
	}
	for i, suffix := range name.Suffix {
		if suffix[0] < 'A' || suffix[0] > 'Z' {
			return wrongValue(suffix, path+"/suffix/"+itoa(i), "a text that begins with A to Z")
		}
	}
	for i, title := range name.Prefix {
		for _, fixed := range fixedTitles {
			if strings.EqualFold(title, fixed) && title != fixed {
				return wrongValue(title, path+"/prefix/"+itoa(i), fixed)
			}
		}
	}
	return nil
}

func (c change) birth() *Fault {
	switch {
	case c.old.Gender != "" && c.new.Gender == "":
		return mayNot("source not permitted to remove 'gender'")
	case c.new.Gender == "other" && c.old.Gender != "other":
		return badRequest(unsupportedValue, "Unsupported value - 'other' in field 'gender'")
	case c.old.BirthDate != "" && c.new.BirthDate == "":
		return mayNot("source not permitted to remove 'birthDate'")
	case c.old.BirthDate == c.new.BirthDate:
		return nil
	case c.new.BirthDate > c.today():
		return badUpdate("'birthDate' is in the future")
	case c.new.Death != nil && c.new.Death.At != "" && c.new.BirthDate > day(c.new.Death.At):
		return badUpdate("'birthDate' is after 'deceasedDateTime'")
	}
	return nil
}

// death checks the date and the status of a death, which go together.
func (c change) death() *Fault {
	var was, is demographics.Death
	if c.old.Death != nil {
		was = *c.old.Death
	}
	if c.new.Death != nil {
		is = *c.new.Death
	}
	if was.At == is.At && was.Status == is.Status {
		return nil
	}
	switch {
	case was.Status == demographics.FormalDeath && !c.rights.Authority:
		return mayNot("source not permitted to replace a formal death notification, or its 'deceasedDateTime'")
	case was.At != "" && is.At == "":
		return mayNot("source not permitted to remove 'deceasedDateTime'")
	case was.Status != "" && is.Status == "":
		return mayNot("source not permitted to remove the death notification status")
	case is.Status == demographics.RemovedDeath && is.Status != was.Status:
		return badRequest(unsupportedValue, "Unsupported value - 'U' in field 'extension/"+deathURL+"'")
	case is.Status == demographics.FormalDeath && is.Status != was.Status && !c.rights.Authority:
		return mayNot("source not permitted to add a formal death notification")
	case is.At == "":
		return badUpdate("a death notification status was added without 'deceasedDateTime'")
	case is.Status == "" || is.Status == demographics.RemovedDeath:
		return badUpdate("'deceasedDateTime' was added without a death notification status")
	}
	if dies := day(is.At); dies > c.today() || len(is.At) > len(dies) && is.At > instant(c.now) {
		return badUpdate("'deceasedDateTime' is in the future")
	} else if c.new.BirthDate != "" && dies < c.new.BirthDate {
		return badUpdate("'deceasedDateTime' is before 'birthDate'")
	}
	if was.Status != is.Status {
		c.new.Death.Effective = c.now.UTC().Truncate(time.Second)
	}
	return nil
}

func (c change) addresses() *Fault {
	inForce := func(r *demographics.Record, use string) (n int) {
		for _, a := range r.Addresses {
			if a.Use == use && (a.End == "" || a.End >= c.today()) {
				n++
			}
		}
		return n
	}
	for _, use := range []string{"home", "temp", "billing"} {
		if n := inForce(c.new, use); n > 1 && n > inForce(c.old, use) {
			return mayNot("multiple %s addresses cannot be added", use)
		}
	}
	for i, a := range c.new.Addresses {
		was := slices.IndexFunc(c.old.Addresses, func(old demographics.Address) bool { return old.ID == a.ID })
		if was >= 0 && reflect.DeepEqual(c.old.Addresses[was], a) {
			continue
		}
		if fault := addressItem("address/"+itoa(i), a); fault != nil {
			return fault
		}
	}
	return nil
}

// pseudoPostcode begins the postcodes of no place, such as that of no fixed abode,
// which need no lines.
const pseudoPostcode = "ZZ99"

func addressItem(path string, a demographics.Address) *Fault {
	switch {
	case a.Use == "work":
		return badRequest(unsupportedValue, "Unsupported value - 'work' in field '"+path+"/use'")
	case a.Use != "home" && a.End == "":
		return missing(path + "/period/end")
	case a.Use == "temp" && a.Text == "":
		return missing(path + "/text")
	case a.Use == "temp" && !slices.Contains(temporaryAddresses, a.Text):
		return wrongValue(a.Text, path+"/text", "one of "+strings.Join(temporaryAddresses, ", "))
	case len(a.Lines) == 0 && !strings.HasPrefix(strings.ToUpper(a.Postcode), pseudoPostcode):
		return missing(path + "/line")
	}
	return nil
}

func (c change) telecoms() *Fault {
	kinds := func(r *demographics.Record) map[string]int {
		n := map[string]int{}
		for _, t := range r.Telecoms {
			if t.End == "" || t.End >= c.today() {
				n[t.System+" "+t.Use]++
			}
		}
		return n
	}
	before := kinds(c.old)
	for kind, n := range kinds(c.new) {
		if n > 1 && n > before[kind] {
			return badUpdate("the record has a telecom '%s' already: replace it", strings.TrimSpace(kind))
		}
	}
	for i, t := range c.new.Telecoms {
		was := slices.IndexFunc(c.old.Telecoms, func(old demographics.Telecom) bool { return old.ID == t.ID })
		if was >= 0 && (c.old.Telecoms[was].System != t.System || c.old.Telecoms[was].Use != t.Use) {
			return badUpdate("the system and use of 'telecom/%d' cannot be replaced: remove it and add another", i)
		}
	}
	return nil
}

func (c change) organisations() *Fault {
	was, is := c.old.Practice, c.new.Practice
	switch {
	case was != nil && is == nil && !c.rights.Authority:
		return mayNot("source not permitted to remove 'generalPractitioner'")
	case is != nil && c.old.PracticeCode() != is.Practice && !c.practice(string(is.Practice)):
		return wrongValue(is.Practice, "generalPractitioner/0/identifier/value", "the ODS code of an open GP practice of the directory")
	case c.old.Managing != c.new.Managing && !c.rights.Authority:
		return mayNot("source not permitted to change 'managingOrganization'")
	}
	return nil
}

// day is the day of a date or a dateTime.
func day(s string) string { return s[:min(len(s), len(time.DateOnly))] }

package demographics

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// InvalidError says which element of a record is wrong.
type InvalidError struct {
	Element  string // such as names[0].family
	Expected string
	Received string // "" where nothing was there, or where it may name the patient
}

func (e *InvalidError) Error() string {
	if e.Received == "" {
		return fmt.Sprintf("%s: expected %s", e.Element, e.Expected)
	}
	return fmt.Sprintf("%s: expected %s; received %q", e.Element, e.Expected, e.Received)
}

// What the fields of a record may hold (PDS's Patient schema).
var (
	Genders      = []string{"male", "female", "other", "unknown"}
	NameUses     = []string{"usual", "temp", "nickname", "old", "maiden"}
	AddressUses  = []string{"home", "temp", "billing"}
	Systems      = []string{"phone", "fax", "email", "other"}
	TelecomUses  = []string{"home", "work", "temp", "mobile"}
	Removals     = []string{"DEA", "EMB", "SCT", "NIT", "TRA", "ORR"}
	DeathStatus  = []string{InformalDeath, FormalDeath, RemovedDeath}
	maxLines     = 5
	maxTextBytes = 255
	maxNames     = 20
)

// CheckAsOf is Check, and refuses what lies in the future.
func (r *Record) CheckAsOf(now time.Time) error {
	// Tomorrow in one time zone is today in another.
	last := now.UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	switch {
	case r.BirthDate > last:
		return &InvalidError{"birthDate", "a day that is not in the future", ""}
	case r.Death != nil && day(r.Death.At) > last:
		return &InvalidError{"death.at", "a day that is not in the future", ""}
	}
	return r.Check()
}

// Check returns an *InvalidError if the record holds what PDS would not. It brings
// postcodes into PAF's form.
func (r *Record) Check() error {
	for _, check := range []func() *InvalidError{r.checkNames, r.checkPerson, r.checkAddresses, r.checkTelecoms, r.checkRegistration, r.checkDeath} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Record) checkNames() *InvalidError {
	usual := 0
	for i, n := range r.Names {
		at := fmt.Sprintf("names[%d].", i)
		switch {
		case !slices.Contains(NameUses, n.Use):
			return &InvalidError{at + "use", oneOf(NameUses), n.Use}
		case n.Use == "usual" && len(n.Given) == 0:
			return &InvalidError{at + "given", "a given name", ""}
		case len(n.Given) > maxNames || len(n.Prefix) > maxNames || len(n.Suffix) > maxNames:
			return &InvalidError{at + "given", fmt.Sprintf("at most %d names", maxNames), fmt.Sprint(max(len(n.Given), len(n.Prefix), len(n.Suffix)))}
		case !isText(n.Family):
			return &InvalidError{at + "family", "a name of up to 255 bytes, without control characters", ""}
		case slices.ContainsFunc(slices.Concat(n.Given, n.Prefix, n.Suffix), func(s string) bool { return !isText(s) }):
			return &InvalidError{at + "given", "names of up to 255 bytes each, without control characters", ""}
		}
		if n.Use == "usual" {
			usual++
		}
		if err := n.check(at); err != nil {
			return err
		}
	}
	if usual != 1 {
		return &InvalidError{"names", "one usual name", fmt.Sprintf("%d", usual)}
	}
	return nil
}

func (r *Record) checkPerson() *InvalidError {
	switch {
	case r.Gender != "" && !slices.Contains(Genders, r.Gender):
		return &InvalidError{"gender", oneOf(Genders), r.Gender}
	case r.BirthDate == "" || !isDay(r.BirthDate):
		return &InvalidError{"birthDate", "a day that exists: YYYY-MM-DD", ""}
	case r.BirthOrder < 0 || r.BirthOrder > 9:
		return &InvalidError{"birthOrder", "1 to 7, 8 (does not apply) or 9 (not known)", fmt.Sprint(r.BirthOrder)}
	}
	return nil
}

func (r *Record) checkAddresses() *InvalidError {
	homes := 0
	for i := range r.Addresses {
		a := &r.Addresses[i]
		at := fmt.Sprintf("addresses[%d].", i)
		postcode, ok := directory.NormalPostcode(a.Postcode)
		switch {
		case !slices.Contains(AddressUses, a.Use):
			return &InvalidError{at + "use", oneOf(AddressUses), a.Use}
		case len(a.Lines) > maxLines:
			return &InvalidError{at + "lines", "at most five lines", fmt.Sprint(len(a.Lines))}
		case slices.ContainsFunc(a.Lines, func(s string) bool { return s != "" && !isText(s) }):
			return &InvalidError{at + "lines", "lines of up to 255 bytes, without control characters", ""}
		case a.Postcode != "" && !ok:
			return &InvalidError{at + "postcode", "a postcode, such as LS1 4AP", ""}
		case a.Use == "home" && (a.Postcode == "" || !slices.ContainsFunc(a.Lines, isText)):
			return &InvalidError{at + "lines", "the home's lines and its postcode (ZZ99 3VZ without a fixed home)", ""}
		case a.Use == "temp" && (a.Start == "" || a.End == ""):
			return &InvalidError{at + "period", "the first and the last day of a temporary address", ""}
		}
		if a.Postcode = postcode; a.Use == "home" {
			homes++
		}
		if err := a.check(at); err != nil {
			return err
		}
	}
	if homes > 1 {
		return &InvalidError{"addresses", "at most one home", fmt.Sprint(homes)}
	}
	return nil
}

func (r *Record) checkTelecoms() *InvalidError {
	for i, t := range r.Telecoms {
		at := fmt.Sprintf("telecoms[%d].", i)
		switch {
		case !slices.Contains(Systems, t.System):
			return &InvalidError{at + "system", oneOf(Systems), t.System}
		case !slices.Contains(TelecomUses, t.Use):
			return &InvalidError{at + "use", oneOf(TelecomUses), t.Use}
		case !isText(t.Value):
			return &InvalidError{at + "value", "a number or an address in one line", ""}
		}
		if err := t.check(at); err != nil {
			return err
		}
	}
	return nil
}

func (r *Record) checkRegistration() *InvalidError {
	for _, o := range []struct {
		element string
		code    nhs.ODSCode
	}{
		{"practice", r.PracticeCode()}, {"managing", r.Managing}, {"pharmacy", r.Pharmacy}, {"dispenser", r.Dispenser}, {"appliances", r.Appliances},
	} {
		if _, err := nhs.ParseODSCode(string(o.code)); o.code != "" && err != nil {
			return &InvalidError{o.element, "an ODS code", string(o.code)}
		}
	}
	switch {
	case r.Practice != nil && r.Practice.Practice == "":
		return &InvalidError{"practice", "an ODS code", ""}
	case r.Practice != nil && r.Practice.Start != "" && !isDay(r.Practice.Start):
		return &InvalidError{"practice.start", "a day: YYYY-MM-DD", ""}
	case r.Removal != nil && !slices.Contains(Removals, r.Removal.Reason):
		return &InvalidError{"removal.reason", oneOf(Removals), r.Removal.Reason}
	}
	return nil
}

func (r *Record) checkDeath() *InvalidError {
	if r.Death == nil {
		return nil
	}
	switch {
	case !slices.Contains(DeathStatus, r.Death.Status):
		return &InvalidError{"death.status", "1 (informal), 2 (formal) or U (removed)", r.Death.Status}
	case r.Death.Status == RemovedDeath && r.Death.At != "":
		return &InvalidError{"death.at", "no time of death where the notification was removed", ""}
	case r.Death.Status != RemovedDeath && !isDay(day(r.Death.At)):
		return &InvalidError{"death.at", "the day or the time of death, one that exists: YYYY-MM-DD, or with a time and its zone", ""}
	case r.Death.Status != RemovedDeath && day(r.Death.At) < r.BirthDate:
		return &InvalidError{"death.at", "a day after the birth", ""}
	}
	return nil
}

func (p Period) check(at string) *InvalidError {
	switch {
	case p.Start != "" && !isDay(day(p.Start)):
		return &InvalidError{at + "start", "a day: YYYY-MM-DD", ""}
	case p.End != "" && !isDay(day(p.End)):
		return &InvalidError{at + "end", "a day: YYYY-MM-DD", ""}
	case p.Start != "" && p.End != "" && day(p.End) < day(p.Start):
		return &InvalidError{at + "end", "a day that is not before the start", ""}
	}
	return nil
}

// day is the day of a date or a dateTime.
func day(s string) string { return s[:min(len(s), len(time.DateOnly))] }

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func isText(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxTextBytes && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' || r == '\uFFFE' || r == '\uFFFF' })
}

func oneOf(all []string) string {
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

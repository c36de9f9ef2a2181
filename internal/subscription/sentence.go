package subscription

import (
	"fmt"
	"strings"
)

// Names give codes their names. The zero value has none; a function that is nil or
// returns "" leaves the code.
type Names struct {
	// Place names what a route key other than a patient's stands for.
	Place func(RouteKey) string
	// Event names an event code, in the plural: "vaccinations".
	Event func(code string) string
}

func (n Names) place(k RouteKey) string {
	if name, known := countryNames[k.Value]; known && k.Kind == ByCountry {
		return name
	}
	if n.Place != nil {
		if name := n.Place(k); name != "" {
			return name
		}
	}
	return k.Value
}

func (n Names) event(code string) string {
	if n.Event != nil {
		if name := n.Event(code); name != "" {
			return name
		}
	}
	return code
}

// Sentence says in plain English what criteria ask for: "children under 5 living in
// Leeds, any GP practice: vaccinations". It names no patient.
func Sentence(c Criteria, names Names) string {
	if c.MNS.Type != "" {
		return mnsSentence(c, names)
	}
	events := c.EventCodes()
	for i, code := range events {
		events[i] = names.event(code)
	}
	return whom(c, names) + ": " + strings.Join(events, ", ")
}

// mnsSentence says the same of criteria of the MNS.
func mnsSentence(c Criteria, names Names) string {
	out := whom(c, names) + ": " + c.MNS.Type
	for _, f := range c.MNS.Filters {
		if f.Name != FilterNHSNumber {
			out += ", " + f.Name + " " + f.Value
		}
	}
	return out
}

func whom(c Criteria, names Names) string {
	if c.Explicit() {
		who := "one patient"
		if len(c.Ages) > 0 {
			who += ", of the age: " + agesInWords(c.Ages)
		}
		return who + registeredOrNot(c.Registration, "")
	}
	if c.Rule == RuleEverybody {
		return "everybody"
	}
	who := people(c.Ages) + " " + fmt.Sprintf(placePhrases[c.Key().Kind], names.place(c.Key()))
	switch c.Key().Kind {
	case ByPractice, BySubICBOfGP:
		return who + registeredOrNot(c.Registration, "")
	}
	return who + registeredOrNot(c.Registration, ", any GP practice")
}

var placePhrases = map[Kind]string{
	ByPractice:       "of the GP practice %s",
	BySubICBOfGP:     "of the GP practices in %s",
	BySubICBPostcode: "living in %s",
	ByLocalAuthority: "living in %s",
	ByCountry:        "living in %s",
}

func registeredOrNot(r Registration, any string) string {
	switch r {
	case RegisteredOnly:
		return ", only while registered with a GP practice"
	case UnregisteredOnly:
		return ", only while not registered with a GP practice"
	}
	return any
}

// adult is the age in whole years from which people are called adults.
const adult = 18

// people says of which age patients are.
func people(ages []Age) string {
	if len(ages) == 0 {
		return "patients"
	}
	r := rangeOf(ages)
	noun := "patients"
	switch {
	case r.max < adult:
		noun = "children"
	case r.min >= adult:
		noun = "adults"
	}
	switch {
	case r.min == 0 && r.max == noLimit:
		return "patients of known age"
	case r.min == adult && r.max == noLimit:
		return noun
	case r.max == noLimit:
		return fmt.Sprintf("%s aged %d or over", noun, r.min)
	case r.min == 0:
		return fmt.Sprintf("%s under %d", noun, r.max+1)
	case r.min == r.max:
		return fmt.Sprintf("%s aged %d", noun, r.min)
	}
	return fmt.Sprintf("%s aged %d to %d", noun, r.min, r.max)
}

package readable

import (
	"fmt"
	"strings"
	"time"

	"nems/internal/fhir"
)

// changes are what the Spine's own events report, by their codes. Their focus says no
// more than that something was sent.
var changes = map[string]string{
	"pds-birth-notification-1": "A birth was notified",
	"pds-change-of-address-1":  "A patient's address changed",
	"pds-change-of-gp-1":       "A patient's GP practice changed",
	"pds-death-notification-1": "A death was notified, or a notification of one changed",
	"pds-record-change-1":      "A patient's demographic record changed",
}

// happened says in a sentence what a message reports; "" where its header says nothing.
func happened(header fhir.Node, focus fhir.Node) string {
	kind := ""
	for e := range header.ChildrenNamed("extension") {
		if strings.Contains(e.URL(), "MessageEventType") {
			kind = e.Choice("value").At("coding", "code").Value()
		}
	}
	what := changes[header.At("event", "code").Value()]
	switch {
	case what != "":
	case focus.Name() == "Immunization" && focus.Child("notGiven").EqualValue("true"):
		what = "A vaccination was not given" + about(focus)
	case focus.Name() == "Immunization":
		what = "A vaccination was given" + about(focus)
	default:
		what = first(header.At("event", "display").Value(), header.At("event", "code").Value()) + about(focus)
	}
	switch {
	case what == "":
		return ""
	case kind == "update":
		what = "Corrected: " + what
	case kind == "delete":
		what = "Withdrawn: " + what
	}
	return shortened(what) + "."
}

// about is by what people know the focus.
func about(focus fhir.Node) string {
	if name := title(focus); name != "" {
		return ": " + name
	}
	return ""
}

// age is how old somebody is at a moment, in the unit in which people say it; "" where
// that cannot be told.
func age(birthDate, moment string) string {
	born, err := time.Parse(time.DateOnly, birthDate)
	at, err2 := time.Parse(time.RFC3339, moment)
	if err != nil || err2 != nil || at.Before(born) {
		return ""
	}
	at = at.UTC()
	months := (at.Year()-born.Year())*12 + int(at.Month()) - int(born.Month())
	if at.Day() < born.Day() {
		months--
	}
	switch days := int(at.Sub(born).Hours() / 24); {
	case months >= 24:
		return counted(months/12, "year")
	case months >= 3:
		return counted(months, "month")
	case days >= 14:
		return counted(days/7, "week")
	default:
		return counted(days, "day")
	}
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

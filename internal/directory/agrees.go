package directory

import (
	"strings"

	"nems/internal/nhs"
)

// Agrees compares the routing demographics of a message with the patient's
// record. It returns the parts that differ ("family", "given", "birthDateTime"),
// nil when they agree. Names are compared as nhs.SameName does; given is the
// first given name; the birth date is compared as nhs.IsDay does. A part that is
// missing on either side is not compared.
//
// The rule is NEMS specification, "Generic Event Message Requirements",
// extension(routingDemographics).
func Agrees(p Patient, family, given, birthDate string) []string {
	var differ []string
	if !sameName(p.Family, family) {
		differ = append(differ, "family")
	}
	if len(p.Given) > 0 && !sameName(p.Given[0], given) {
		differ = append(differ, "given")
	}
	if birthDate != "" && !p.BirthDate.IsZero() && !nhs.IsDay(birthDate, p.BirthDate) {
		differ = append(differ, "birthDateTime")
	}
	return differ
}

func sameName(record, message string) bool {
	return strings.TrimSpace(record) == "" || strings.TrimSpace(message) == "" || nhs.SameName(record, message)
}

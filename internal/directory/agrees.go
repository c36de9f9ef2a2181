package directory

import (
	"strings"
	"time"

	"nems/internal/nhs"
)

// Agrees compares the routing demographics of a message with the patient's
// record and names the parts that differ: "family", "given", "birthDateTime";
// nil when they agree. Names are compared as nhs.SameName does, given is the
// first given name, and of the birth date the first ten characters count. A
// part that is missing on either side is not compared.
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
	if birthDate != "" && !p.BirthDate.IsZero() && birthDate[:min(len(birthDate), 10)] != p.BirthDate.Format(time.DateOnly) {
		differ = append(differ, "birthDateTime")
	}
	return differ
}

func sameName(record, message string) bool {
	return strings.TrimSpace(record) == "" || strings.TrimSpace(message) == "" || nhs.SameName(record, message)
}

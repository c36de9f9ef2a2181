package subscription

import (
	"strings"

	"nems/internal/nhs"
)

// ParsePatient reads the identifier of a patient in criteria or a search:
// `SYSTEM|NUMBER`, with blanks allowed around the bar. name is the component
// that errors name. An error is always a *CriteriaError.
func ParsePatient(name, value string) (nhs.NHSNumber, error) {
	system, number, found := strings.Cut(value, "|")
	if !found {
		return nhs.NHSNumber{}, wrong(name, "SYSTEM|NUMBER with the system `"+nhsNumberSystem+"`", "no bar")
	}
	switch strings.Trim(system, " ") {
	case nhsNumberSystem, nhsNumberSystemOld:
	default:
		return nhs.NHSNumber{}, wrong(name, "the system `"+nhsNumberSystem+"` or `"+nhsNumberSystemOld+"`", "another system or none")
	}
	number = strings.Trim(number, " ")
	parsed, err := nhs.ParseNHSNumber(number)
	switch {
	case len(number) != 10 || err == nhs.ErrNHSNumberForm:
		return nhs.NHSNumber{}, &CriteriaError{name, "an NHS number of ten digits", "a value of " + counted(number), true}
	case err != nil:
		return nhs.NHSNumber{}, &CriteriaError{name, "an NHS number", "ten digits with a wrong check digit", true}
	}
	return parsed, nil
}

package subscription

import (
	"fmt"
	"strings"
)

// CriteriaError says what is wrong with a criteria string. Its fields never
// hold a patient's number or anything that looks like personal data, so that
// they can be sent to callers and logged.
type CriteriaError struct {
	// Component is the component at fault, such as "Patient.age", or "criteria"
	// for the whole string.
	Component string
	// Expected and Received are phrases without a full stop.
	Expected, Received string
	// NHSNumber says that the patient's number itself is wrong (Spine code
	// INVALID_NHS_NUMBER), not the way it is written.
	NHSNumber bool
}

// Error returns one sentence: what, expected, received.
func (e *CriteriaError) Error() string {
	where := "criteria"
	if e.Component != where {
		where += ": " + e.Component
	}
	return fmt.Sprintf("%s: expected %s; received %s", where, e.Expected, e.Received)
}

func wrong(component, expected, received string) *CriteriaError {
	return &CriteriaError{Component: component, Expected: expected, Received: received}
}

// shown quotes a value in an error if it looks like a code. Any other value,
// and any with as many digits as an NHS number, is only described, because
// people paste the wrong thing into the wrong field.
func shown(value string) string {
	digits := 0
	for i := range len(value) {
		c := value[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("._-:", c) >= 0:
		default:
			return counted(value)
		}
	}
	if digits >= 9 || digits == len(value) && digits > 3 || len(value) > 40 {
		return counted(value)
	}
	return "`" + value + "`"
}

func counted(value string) string {
	n := len([]rune(value))
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

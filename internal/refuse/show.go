package refuse

import (
	"fmt"
	"strconv"
)

// longestShown is the longest piece of a request that an answer repeats.
const longestShown = 120

// Show quotes what came for use in diagnostics. Text that could hold an NHS
// number, is long or is not plain is described instead: the caller can look at
// its own request, a log must not hold it.
func Show(s string) string {
	if s == "" || len(s) > longestShown || !isPlain(s) || HoldsNHSNumber(s) {
		return Describe(s)
	}
	return strconv.Quote(s)
}

// Describe tells only how long a value is.
func Describe(s string) string {
	if s == "" {
		return "an empty value"
	}
	return fmt.Sprintf("a value of %d characters", len(s))
}

// isPlain tells whether s is made of printable ASCII without quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// HoldsNHSNumber tells whether s has a run of ten digits, blanks and hyphens
// between them allowed.
func HoldsNHSNumber(s string) bool {
	run := 0
	for i := range len(s) + 1 {
		switch {
		case i < len(s) && s[i] >= '0' && s[i] <= '9':
			run++
		case i < len(s) && (s[i] == ' ' || s[i] == '-'):
		default:
			if run == 10 {
				return true
			}
			run = 0
		}
	}
	return false
}

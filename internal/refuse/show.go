package refuse

import (
	"fmt"
	"strconv"
)

// longestShown is the longest part of a request that an answer repeats.
const longestShown = 120

// Show quotes a received value for use in diagnostics. If it could contain an
// NHS number, is long or is not plain, it is only described: the caller can
// look at its own request, but a log must not contain it.
func Show(s string) string {
	if s == "" || len(s) > longestShown || !isPlain(s) || HoldsNHSNumber(s) {
		return Describe(s)
	}
	return strconv.Quote(s)
}

// Describe returns only how long a value is.
func Describe(s string) string {
	if s == "" {
		return "an empty value"
	}
	return fmt.Sprintf("a value of %d characters", len(s))
}

// isPlain reports whether s consists of printable ASCII without quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// HoldsNHSNumber reports whether s has ten digits in a row, with blanks and
// hyphens allowed between them.
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

package nhs

import "fmt"

// TestNumbers is how many candidates TestNumber knows.
const TestNumbers = 1_000_000

// TestNumber returns the nth number of the range 999 000 0000 to 999 999 9999,
// counted from 0. The range is reserved for tests and never given to a patient
// (source: ranges of NHS numbers, as the library nhs-number of NHS Wales,
// gig-cymru-nhs-wales/nhs-number, lists them). It returns false for one in eleven,
// for which no check digit exists, and for n outside the range.
func TestNumber(n int) (NHSNumber, bool) {
	if n < 0 || n >= TestNumbers {
		return NHSNumber{}, false
	}
	nine := fmt.Sprintf("999%06d", n)
	check, exists := checkDigit(nine)
	if !exists {
		return NHSNumber{}, false
	}
	return NHSNumber{nine + string(check)}, true
}

// checkDigit returns the tenth digit to nine others. A remainder of 1 would need
// the check digit 10, so no such number exists.
func checkDigit(nine string) (digit byte, exists bool) {
	sum := 0
	for i := range 9 {
		sum += int(nine[i]-'0') * (10 - i)
	}
	check := (11 - sum%11) % 11
	return '0' + byte(check%10), check != 10
}

package nhs_test

import (
	"testing"

	"nems/internal/nhs"
)

func TestSameID(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"MAILBOX1234", "mailbox1234", true},
		{"a.example.nhs.uk", "A.Example.NHS.uk", true},
		{"X26_1-a", "x26_1-A", true},
		{"BOX", "BOX2", false},
		{"", "", false},
		{"K", "\u212a", false},      // Kelvin sign
		{"S", "\u017f", false},      // long s
		{"I", "\u0131", false},      // dotless i
		{"é", "É", false},           // looks equal to people, but is refused
		{"a b", "a b", false},       // blanks
		{"a\x00", "a\x00", false},   // control characters
		{"BOX\u00a0", "BOX", false}, // a blank that is easily overlooked
	} {
		if got := nhs.SameID(test.a, test.b); got != test.want {
			t.Errorf("%q and %q: %v", test.a, test.b, got)
		}
	}
}

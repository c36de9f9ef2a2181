package nhs

import "testing"

func TestSameName(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"DAWKINS", "Dawkins", true},
		{" Dawkins ", "Dawkins", true},
		{"O'BRIEN", "O’Brien", true},
		{"O'BRIEN", "O\u02bcBrien", true},
		{"O\u2018Brien", "o`brien", true},
		{"RENÉE", "Rene\u0301e", true},
		{"Zoe\u0308 O\u2019Neil", "ZOË O'NEIL", true},
		{"Ångström", "\u212bngström", true}, // in NFC the sign of the unit is the letter
		{"", "", true},
		{"Dawkins", "Dawkin", false},
		{"OBRIEN", "O'BRIEN", false},
		{"Renee", "Renée", false},
		{"Ann", "", false},
	} {
		if SameName(c.a, c.b) != c.same || SameName(c.b, c.a) != c.same {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.same)
		}
	}
}

package refuse

import (
	"strings"
	"testing"
)

func TestShowKeepsNHSNumbersBack(t *testing.T) {
	for s, want := range map[string]string{
		"200000000116":            `"200000000116"`,
		"":                        "an empty value",
		"9912003888":              "a value of 10 characters",
		"x 991 200 3888":          "a value of 14 characters",
		"991-200-3888.":           "a value of 13 characters",
		"12345":                   `"12345"`,
		"a\nb":                    "a value of 3 characters",
		`a"b`:                     "a value of 3 characters",
		strings.Repeat("x", 121):  "a value of 121 characters",
		"urn:nhs:names:services:": `"urn:nhs:names:services:"`,
	} {
		if got := Show(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

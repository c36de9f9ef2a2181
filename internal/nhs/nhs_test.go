package nhs

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseNHSNumber(t *testing.T) {
	for s, want := range map[string]error{
		"9912003888":   nil,
		"991 200 3888": nil,
		"9434765919":   nil,
		"9990000018":   nil,
		"9912003889":   ErrNHSNumberCheck,
		"1112223330":   ErrNHSNumberCheck,
		"991200388":    ErrNHSNumberForm,
		"99120038888":  ErrNHSNumberForm,
		"99120038A8":   ErrNHSNumberForm,
		"":             ErrNHSNumberForm,
	} {
		n, err := ParseNHSNumber(s)
		if !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", s, err, want)
		}
		if err == nil && n.Digits() != strings.ReplaceAll(s, " ", "") {
			t.Errorf("%q: digits %q", s, n.Digits())
		}
	}
}

// The check digit detects every change of one digit.
func TestCheckDigitFindsEverySingleChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := []byte(rapid.SampledFrom([]string{"9912003888", "9434765919", "9990000018"}).Draw(t, "number"))
		at := rapid.IntRange(0, 9).Draw(t, "at")
		digits[at] = '0' + (digits[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "add")))%10
		if _, err := ParseNHSNumber(string(digits)); !errors.Is(err, ErrNHSNumberCheck) {
			t.Fatalf("%s passed: %v", digits, err)
		}
	})
}

func TestNHSNumberNeverPrints(t *testing.T) {
	n, err := ParseNHSNumber("9912003888")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "n", n)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "n", n)
	out := log.String() + fmt.Sprintf("%v %s %d %q %+v %#v %v", n, n, n, n, n, n, struct{ N NHSNumber }{n})
	if strings.Contains(out, "9912003888") {
		t.Errorf("the number leaked: %s", out)
	}
}

func TestParseODSCodeAndASID(t *testing.T) {
	for s, ok := range map[string]bool{"A83627": true, "rr8": true, "X26": true, "": false, "A B": false, "ABCDEFGHIJKLM": false, "É1": false} {
		if _, err := ParseODSCode(s); (err == nil) != ok {
			t.Errorf("ODS code %q: %v", s, err)
		}
	}
	if c, _ := ParseODSCode("rr8"); c != "RR8" {
		t.Errorf("rr8 became %q", c)
	}
	for s, ok := range map[string]bool{"200000000115": true, "20000000011": false, "20000000011x": false, "": false} {
		if _, err := ParseASID(s); (err == nil) != ok {
			t.Errorf("ASID %q: %v", s, err)
		}
	}
}

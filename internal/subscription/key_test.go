package subscription

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Hashes are stored: this table may grow but must never change. The values are
// FNV-1a over 1, the kind and the value, computed with another program.
func TestHashStaysTheSame(t *testing.T) {
	for _, test := range []struct {
		key  RouteKey
		want int64
	}{
		{RouteKey{ByPatient, "9990000026"}, -4911393666514100992},
		{RouteKey{ByPractice, "B86056"}, 1771842144991165533},
		{RouteKey{BySubICBOfGP, "15F"}, 4216589468416025983},
		{RouteKey{BySubICBPostcode, "15F"}, -4489460404291853548},
		{RouteKey{ByLocalAuthority, "E08000035"}, 1505054182967229186},
		{RouteKey{ByCountry, "E92000001"}, -2236476147373252751},
	} {
		if got := test.key.Hash(); got != test.want {
			t.Errorf("%v: Hash = %d, want %d", test.key, got, test.want)
		}
	}
}

func TestHashTellsKeysApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Custom(func(t *rapid.T) RouteKey {
			return RouteKey{Kind(rapid.IntRange(1, 6).Draw(t, "kind")), rapid.StringMatching(`[A-Z0-9]{1,12}`).Draw(t, "value")}
		})
		a, b := key.Draw(t, "a"), key.Draw(t, "b")
		if (a == b) != (a.Hash() == b.Hash()) {
			t.Fatalf("%s and %s", a, b)
		}
	})
}

func TestCriteriaKey(t *testing.T) {
	for text, want := range map[string]RouteKey{
		explicit: {ByPatient, aNumber},
		generic:  {BySubICBPostcode, "X2458"},
		strings.Replace(generic, "CHO_POSTCODE_CCG", "CHO_GP_CCG", 1):                                             {BySubICBOfGP, "X2458"},
		strings.Replace(generic, "CHO_POSTCODE_CCG", "GP_GP_GP", 1):                                               {ByPractice, "X2458"},
		strings.Replace(generic, "CHO_POSTCODE_CCG", "UHV_POSTCODE_LACODE", 1):                                    {ByLocalAuthority, "X2458"},
		strings.NewReplacer("CHO_POSTCODE_CCG", "COUNTRYCODE", "X2458", "S92000003").Replace(generic):             {ByCountry, "S92000003"},
		strings.NewReplacer("X2458", "x2458", "CHO_POSTCODE_CCG", "GP_GP_GP").Replace(generic) + "&Patient.age=5": {ByPractice, "X2458"},
	} {
		c, err := ParseCriteria(text)
		if err != nil || c.Key() != want {
			t.Errorf("%s: Key = %v, %v; want %v", text, c.Key(), err, want)
		}
	}
}

func TestPrintingKeepsThePatientOut(t *testing.T) {
	c, err := ParseCriteria(explicit)
	if err != nil {
		t.Fatal(err)
	}
	s := Subscription{Criteria: c}
	f := Facts{Keys: []RouteKey{c.Key()}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, value := range []any{c, &c, s, &s, c.Key(), f, &f} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, aNumber) || strings.Contains(text, fmt.Sprintf("%x", aNumber)) {
				t.Errorf("%s of a %T gives the patient's number away", verb, value)
			}
		}
	}
}

func TestNewID(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 15, 678_000_000, time.UTC)
	seen := map[ID]bool{}
	for range 1000 {
		id := NewID(at)
		text := id.String()
		if len(text) != 32 || text[12] != '7' || !strings.Contains("89ab", text[16:17]) {
			t.Fatalf("%s is no UUID of version 7", text)
		}
		if back, err := ParseID(text); err != nil || back != id || !id.Time().Equal(at) || id.IsZero() || seen[id] {
			t.Fatalf("%s: read back as %s, %v; time %s", text, back, err, id.Time())
		}
		seen[id] = true
	}
	if later := NewID(at.Add(time.Millisecond)).String(); later <= NewID(at).String() {
		t.Error("a later id does not sort behind an earlier one")
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]error{
		strings.Repeat("0", 31):       ErrID,
		strings.Repeat("0", 33):       ErrID,
		"":                            ErrID,
		strings.Repeat("-", 32):       ErrID,
		strings.Repeat("z", 32):       nil,
		strings.Repeat("A", 32):       nil,
		strings.Repeat("0", 30) + "é": ErrID,
	} {
		if id, err := ParseID(text); err != want || !id.IsZero() {
			t.Errorf("ParseID(%q) = %s, %v; want nothing, %v", text, id, err, want)
		}
	}
}

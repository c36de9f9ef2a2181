package fhir

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Values by type, with the verdicts of HL7's schema and of datatypes.html.
func TestValues(t *testing.T) {
	tests := []struct {
		kind   kind
		result verdict
		values []string
	}{
		{kindBoolean, verdictGood, []string{"true", "false"}},
		{kindBoolean, verdictForm, []string{"TRUE", "yes", ""}},
		{kindBoolean, verdictBoolean, []string{"0", "1"}},
		{kindBoolean, verdictPadded, []string{" true", "true "}},
		{kindInteger, verdictGood, []string{"0", "-0", "1", "-1", "2147483647", "-2147483648"}},
		{kindInteger, verdictForm, []string{"", "-", "+1", "01", "1.0", "2147483648", "-2147483649", "x"}},
		{kindUnsignedInt, verdictGood, []string{"0", "2147483647"}},
		{kindUnsignedInt, verdictForm, []string{"-1", "-0", "00", ""}},
		{kindUnsignedInt, verdictRange, []string{"2147483648", "99999999999999999999"}},
		{kindPositiveInt, verdictGood, []string{"1", "2147483647"}},
		{kindPositiveInt, verdictForm, []string{"0", "01", "-1"}},
		{kindDecimal, verdictGood, []string{"0", "-0.0", "1.50", "123456789012345678901234", "0.123456789012345678901234"}},
		{kindDecimal, verdictForm, []string{"", ".5", "1.", "1e3", "+1", "00.1", "-", "1.2.3"}},
		{kindDecimal, verdictTooExact, []string{"1234567890123456789012345", "12345678901234567890123.12"}},
		{kindDate, verdictGood, []string{"2017", "2017-12", "2016-02-29", "-0044-03-15", "2000-02-29"}},
		{kindDate, verdictForm, []string{"", "-", "17", "0000", "2017-13", "2017-00", "2017-1", "2017-02-29", "1900-02-29", "2017-04-31", "2017-01-01T00:00:00Z", "2017-01-01Z", "2017-"}},
		{kindDate, verdictPadded, []string{" 2017"}},
		{kindDateTime, verdictGood, []string{"2017", "2017-01-01", "2017-01-01T23:59:59Z", "2017-01-01T00:00:00.123456789+14:00", "2017-01-01T00:00:00-00:00"}},
		{kindDateTime, verdictForm, []string{"2017-01T00:00:00Z", "2017-01-01T24:00:00Z", "2017-01-01T00:60:00Z", "2017-01-01T00:00:60Z", "2017-01-01T00:00Z",
			"2017-01-01T00:00:00+14:01", "2017-01-01T00:00:00+58:00", "2017-01-01T00:00:00.Z", "2017-01-01t00:00:00Z", "2017-01-01T00:00:00z", "2017-02-30T00:00:00Z"}},
		{kindDateTime, verdictZone, []string{"2017-01-01T00:00:00", "2017-01-01T00:00:00.5"}},
		{kindInstant, verdictGood, []string{"2017-01-01T00:00:00Z", "2017-01-01T00:00:00.000-05:30"}},
		{kindInstant, verdictForm, []string{"", "-", "2017", "2017-01-01", "2017-01-01T24:00:01Z", "0000-01-01T00:00:00Z", "02017-01-01T00:00:00Z", "99999999999999999999-01-01T00:00:00Z"}},
		{kindInstant, verdictZone, []string{"2017-01-01T00:00:00"}},
		{kindInstant, verdictInstant, []string{"12017-01-01T00:00:00Z", "2017-01-01T24:00:00Z", "10000-02-29T00:00:00Z"}},
		{kindTime, verdictGood, []string{"00:00:00", "23:59:59.9"}},
		{kindTime, verdictForm, []string{"24:00:00", "12:00", "12:00:60", "12:00:00Z", "12:00:00.", "1:00:00"}},
		{kindID, verdictGood, []string{"a", "A-1.b", strings.Repeat("x", 64)}},
		{kindID, verdictForm, []string{"", "a_b", " a", strings.Repeat("x", 65), "caf\u00e9"}},
		{kindOID, verdictGood, []string{"urn:oid:1.2.840", "urn:oid:0"}},
		{kindOID, verdictForm, []string{"1.2", "urn:oid:", "urn:oid:01", "urn:oid:1..2", "urn:oid:1."}},
		{kindUUID, verdictGood, []string{"urn:uuid:01234567-89ab-cdef-0123-456789abcdef"}},
		{kindUUID, verdictForm, []string{"urn:uuid:01234567-89AB-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", "urn:uuid:0123456789abcdef0123456789abcdef----"}},
		{kindURI, verdictGood, []string{"a", "http://a/b?c=d#e", "urn:a:b", "#", "?", "//", "/a:b", "mailto:a@b", "http://[::1]:80/", "http://u:p@h/", "a%20b", "http://caf\u00e9/", "a|b", "https://a", "http://"}},
		{kindURI, verdictForm, []string{"%", "%zz", "a%4", "#a#b", "1a:b", ":a", "-a:b", "http://a:x", "http://a:", "http://u@h@i/", "http://[", "http://[::1", "a]b", "http://h?[", "http://a:99999999999"}},
		{kindURI, verdictEmpty, []string{"", " "}},
		{kindURI, verdictPadded, []string{" a", "a b", "a\tb"}},
		{kindBase64Binary, verdictGood, []string{"AAAA", "AA==", "AAA=", "A A A A", "AAAA\nAAAA"}},
		{kindBase64Binary, verdictForm, []string{"A", "AA", "AAA", "AB==", "AAB=", "AA=A", "=", "AAAA===="}},
		{kindBase64Binary, verdictAlphabet, []string{"2017-02-29", "AA_A-A"}},
		{kindBase64Binary, verdictEmpty, []string{"", "  "}},
		{kindCode, verdictGood, []string{"a", "two words", "\u00a0"}},
		{kindCode, verdictForm, []string{"", " "}},
		{kindCode, verdictPadded, []string{" a", "a ", "a  b", "a\tb"}},
		{kindString, verdictGood, []string{"a", " a ", "\u00a0", "\ta"}},
		{kindString, verdictForm, []string{""}},
		{kindString, verdictEmpty, []string{" ", "\n\t"}},
		{kindString, verdictTooLong, []string{strings.Repeat("x", maxString+1)}},
		{kindSampledData, verdictGood, []string{"1 2.5 -.5", "E U L", "\u0663"}},
		{kindSampledData, verdictForm, []string{"", " 1", "1 ", "1  2", "1.", "--1", "EU", "-"}},
	}
	for _, tt := range tests {
		facts := typeFacts{kind: tt.kind}
		for _, value := range tt.values {
			if got := facts.checkValue([]byte(value)); got != tt.result {
				t.Errorf("%s %.70q: got verdict %d, want %d", kindNames[tt.kind], value, got, tt.result)
			}
		}
	}
}

// A date is accepted if the calendar of the standard library has it.
func TestDatesAgainstCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		year, month, day := rapid.IntRange(1, 9999).Draw(t, "year"), rapid.IntRange(0, 13).Draw(t, "month"), rapid.IntRange(0, 32).Draw(t, "day")
		text := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
		_, err := time.Parse(time.DateOnly, text)
		if got := checkDate([]byte(text), false) == verdictGood; got != (err == nil) {
			t.Fatalf("%s: accepted %v, time.Parse says %v", text, got, err)
		}
		if got := checkInstant([]byte(text+"T00:00:00Z")) == verdictGood; got != (err == nil) {
			t.Fatalf("%s as instant: accepted %v, time.Parse says %v", text, got, err)
		}
	})
}

func TestBase64AgainstStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("AQgw+/8=")), 1, 12, -1).Draw(t, "text")
		_, err := base64.StdEncoding.Strict().DecodeString(text)
		if got := checkBase64([]byte(text)) == verdictGood; got != (err == nil) {
			t.Fatalf("%s: accepted %v, encoding/base64 says %v", text, got, err)
		}
	})
}

// The scan by words finds what the scan by bytes finds.
func TestSkipPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOfN(rapid.OneOf(rapid.ByteRange('a', 'z'), rapid.Byte()), 0, 40).Draw(t, "src")
		want := 0
		for want < len(src) && class[src[want]]&classPlain != 0 {
			want++
		}
		if got := skipPlain(src, 0); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	})
}

// Every name of a type is found, and no other name.
func TestFindNames(t *testing.T) {
	table := facts()
	for i := range table.types {
		typ := &table.types[i]
		for slot, s := range typ.slots {
			for _, e := range s.elements {
				name := table.names[e.name]
				c := typ.find(table.names, []byte(name))
				if c == nil || c.name != e.name || c.typ != e.typ || int(c.slot) != slot || c.many != s.many {
					t.Fatalf("%s.%s is not found", typ.name, name)
				}
				for _, other := range []string{name + "x", name[1:], "", strings.ToUpper(name)} {
					if c := typ.find(table.names, []byte(other)); c != nil && table.names[c.name] != other {
						t.Fatalf("%s: %q found as %q", typ.name, other, table.names[c.name])
					}
				}
			}
		}
	}
	if len(table.types[typeResourceContainer].slots[0].elements) != 117 {
		t.Error("STU3 has 117 resources")
	}
}

func TestLoadFactsRefuses(t *testing.T) {
	for _, text := range []string{"type", "kind\tA\n", "primitive\tunheard\n", "type\tA\t\n\ta b 0\n", "type\tA\t\n\ta B 0 1\n\ta B 0 1\n",
		"type\tA\t\n" + strings.Repeat("\ta B 0 1\n", 65)} {
		if _, err := loadFacts(text); err == nil {
			t.Errorf("%.40q: no error", text)
		}
	}
}

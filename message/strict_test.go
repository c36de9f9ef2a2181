package message_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"nems/internal/catalogue"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/message"
)

// reporter is what both kinds of tests can do.
type reporter interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// strict checks a message at the strict level and returns its facts.
func strict(t reporter, code string, kind event.Kind, written []byte, err error) event.Event {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	doc, findings, err := fhir.ParseXML(written)
	if err != nil {
		t.Fatalf("%v\n%s", err, written)
	}
	facts, missing := event.Read(doc)
	if facts.Code != code || facts.Kind != kind {
		t.Fatalf("received %s %s; expected %s %s", facts.Code, facts.Kind, code, kind)
	}
	kindOf, _ := types.Type(code)
	findings = slices.Concat(findings, missing, kindOf.Judge(doc, catalogue.Strict).Findings)
	for _, f := range findings {
		t.Errorf("%s at %s: %s\n%s", f.Rule, f.Expression, f.Text, written)
	}
	return facts
}

// textGen draws texts as records hold them, whatever their script.
func textGen() *rapid.Generator[string] {
	return rapid.Map(rapid.OneOf(
		rapid.SampledFrom([]string{"O'NEILL & \"SONS\"", "Zoë", "<b>", "Ł", "名前", "می\u200cخواهم", "👩\u200d⚕️", "a\u00adb", "a  b", "\u00a0x", "🙂", "]]>", "&amp;"}),
		rapid.StringN(1, 12, 40),
		rapid.StringMatching(`[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8})?`),
	), func(s string) string {
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return !printable(r) }), " ")
		if s = strings.TrimSpace(strings.ToValidUTF8(s, "")); s == "" {
			return "X"
		}
		return s
	})
}

func printable(r rune) bool { return !unicode.IsControl(r) && r != '\ufffe' && r != '\uffff' }

// numberGen draws valid NHS numbers.
func numberGen() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		nine := rapid.StringMatching(`[0-9]{9}`).Filter(func(s string) bool { return check(s) < 10 }).Draw(t, "nine digits")
		return fmt.Sprintf("%s%d", nine, check(nine))
	})
}

// check is the check digit of nine digits (NHS Data Dictionary), 10 if there is none.
func check(nine string) int {
	sum := 0
	for i, d := range nine {
		sum += int(d-'0') * (10 - i)
	}
	return (11 - sum%11) % 11
}

func timeGen() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		seconds := rapid.Int64Range(-2_000_000_000, 4_000_000_000).Draw(t, "seconds")
		zone := time.FixedZone("", rapid.IntRange(-14, 14).Draw(t, "zone")*3600)
		return time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(zone)
	})
}

func dateGen() *rapid.Generator[message.Date] {
	return rapid.Custom(func(t *rapid.T) message.Date {
		date := message.On(timeGen().Draw(t, "day"))
		return date[:rapid.SampledFrom([]int{4, 7, 10, 10, 10}).Draw(t, "precision")]
	})
}

func dateTimeGen() *rapid.Generator[message.Date] {
	return rapid.OneOf(dateGen(), rapid.Map(timeGen(), message.At), rapid.Map(timeGen(), func(t time.Time) message.Date {
		return message.Date(t.Format(time.RFC3339))
	}))
}

// maybe draws an empty value half of the time.
func maybe[T any](t *rapid.T, g *rapid.Generator[T], label string) (value T) {
	if rapid.Bool().Draw(t, label+"?") {
		value = g.Draw(t, label)
	}
	return value
}

func optional[T any](t *rapid.T, g *rapid.Generator[T], label string) *T {
	if rapid.Bool().Draw(t, label+"?") {
		value := g.Draw(t, label)
		return &value
	}
	return nil
}

func contactGen() *rapid.Generator[message.Contact] {
	return rapid.OneOf(
		rapid.Map(rapid.StringMatching(`0[0-9]{3} [0-9]{3} [0-9]{4}`), func(s string) message.Contact { return message.Contact{System: message.Phone, Value: s} }),
		rapid.Map(rapid.StringMatching(`[a-z.]{1,9}@[a-z]{1,9}\.nhs\.uk`), func(s string) message.Contact { return message.Contact{System: message.Email, Value: s} }),
	)
}

func organisationGen() *rapid.Generator[message.Organisation] {
	return rapid.Custom(func(t *rapid.T) message.Organisation {
		o := message.Organisation{
			ODS:     rapid.StringMatching(`[A-Z0-9]{3,6}`).Draw(t, "ODS code"),
			Name:    textGen().Draw(t, "organisation"),
			Telecom: rapid.SliceOfN(contactGen(), 0, 2).Draw(t, "telecom"),
		}
		if rapid.IntRange(0, 2).Draw(t, "partOf") == 0 {
			parent := message.Organisation{ODS: rapid.StringMatching(`[A-Z0-9]{3}`).Draw(t, "commissioner"), Name: textGen().Draw(t, "name")}
			if o.PartOf = &parent; rapid.Bool().Draw(t, "mutual") {
				parent.PartOf = &o
			}
		}
		return o
	})
}

func headerGen() *rapid.Generator[message.Header] {
	return rapid.Custom(func(t *rapid.T) message.Header {
		h := message.Header{
			ID:          maybe(t, rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}`), "id"),
			Timestamp:   timeGen().Draw(t, "timestamp"),
			LastUpdated: maybe(t, timeGen(), "last updated"),
			VersionID:   maybe(t, scnGen(), "version"),
		}
		if rapid.Bool().Draw(t, "own source") {
			h.Source = message.Source{Name: textGen().Draw(t, "system"), Contact: contactGen().Draw(t, "contact"), ASID: "200000000115"}
			h.Responsible = organisationGen().Draw(t, "responsible")
		}
		return h
	})
}

func scnGen() *rapid.Generator[string] {
	return rapid.Map(rapid.IntRange(0, 99999), func(n int) string { return fmt.Sprint(n) })
}

func nameGen(use string) *rapid.Generator[message.HumanName] {
	return rapid.Custom(func(t *rapid.T) message.HumanName {
		return message.HumanName{
			Use: use, Family: textGen().Draw(t, "family"),
			Given:  rapid.SliceOfN(textGen(), 1, 3).Draw(t, "given"),
			Prefix: rapid.SliceOfN(textGen(), 0, 2).Draw(t, "prefix"),
			Suffix: rapid.SliceOfN(textGen(), 0, 1).Draw(t, "suffix"),
		}
	})
}

func addressGen(use string) *rapid.Generator[message.Address] {
	return rapid.Custom(func(t *rapid.T) message.Address {
		lines := rapid.SliceOfN(rapid.OneOf(textGen(), rapid.SampledFrom([]string{"", " "})), 0, 4).Draw(t, "lines")
		from, to := message.On(timeGen().Draw(t, "from")), message.On(timeGen().Draw(t, "to"))
		return message.Address{
			Use: use, Lines: append(lines, "1 Example Street"), Postcode: "LS1 4AP",
			Start: min(from, to), End: maybe(t, rapid.Just(max(from, to)), "end"),
		}
	})
}

func patientGen() *rapid.Generator[message.Patient] {
	return rapid.Custom(func(t *rapid.T) message.Patient {
		p := message.Patient{
			NHSNumber: numberGen().Draw(t, "NHS number"), VersionID: scnGen().Draw(t, "SCN"),
			Names:         []message.HumanName{nameGen("").Draw(t, "name")},
			Telecoms:      rapid.SliceOfN(contactGen(), 0, 2).Draw(t, "telecoms"),
			Gender:        rapid.SampledFrom([]message.Gender{"", message.Male, message.Female, message.OtherGender, message.UnknownGender}).Draw(t, "gender"),
			BirthDate:     dateGen().Draw(t, "born"),
			Addresses:     rapid.SliceOfN(addressGen("home"), 0, 2).Draw(t, "addresses"),
			Ethnicity:     maybe(t, rapid.SampledFrom([]message.Ethnicity{"A", "C2", "Z"}), "ethnicity"),
			MultipleBirth: rapid.IntRange(0, 9).Draw(t, "multiple"),
		}
		if len(p.BirthDate) == len(time.DateOnly) && rapid.Bool().Draw(t, "time of birth") {
			p.BirthTime = p.BirthDate + "T23:59:59+01:00"
		}
		if rapid.Bool().Draw(t, "maiden name") {
			p.Names = append(p.Names, nameGen("maiden").Draw(t, "maiden name"))
		}
		return p
	})
}

// sameFacts compares what the service reads with what was written.
func sameFacts(t *rapid.T, facts event.Event, h message.Header, p message.Patient) {
	if h.ID != "" && facts.MessageID != h.ID {
		t.Fatalf("the id is %s; expected %s", facts.MessageID, h.ID)
	}
	official := p.Names[0]
	if r := facts.Routing; r.NHSNumber != p.NHSNumber || r.Family != official.Family || r.Given != official.Given[0] || r.BirthDate != string(p.BirthDate) {
		t.Fatalf("the routing demographics are %+v; expected those of %+v", r, p)
	}
	if facts.VersionID != h.VersionID {
		t.Fatalf("the version is %q; expected %q", facts.VersionID, h.VersionID)
	}
}

func failsNaming(t *testing.T, err error, fields ...string) {
	t.Helper()
	var wrong *message.FieldsError
	if !errors.As(err, &wrong) {
		t.Fatalf("received %v; expected a *FieldsError", err)
	}
	for _, field := range fields {
		if !slices.ContainsFunc(wrong.Fields, func(f message.FieldError) bool { return f.Field == field }) {
			t.Errorf("the error does not name %s: %v", field, err)
		}
	}
}

func asFields(err error, to **message.FieldsError) bool { return errors.As(err, to) }

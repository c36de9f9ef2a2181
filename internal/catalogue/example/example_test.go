package example

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"nems/internal/catalogue"
	"nems/internal/fhir"
)

// fixed is a generator whose ids and time are predictable.
func fixed() Generator {
	n := 0
	return Generator{
		NewID: func() string { n++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) },
		Now:   func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
	}
}

func TestEveryExamplePassesStrict(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, eventType := range types.Types() {
		for _, kind := range eventType.Kinds {
			t.Run(eventType.Code+" "+kind, func(t *testing.T) {
				made++
				message, err := fixed().Message(eventType.Code, kind, Patient{})
				if err != nil {
					t.Fatal(err)
				}
				judged(t, eventType, message)
			})
		}
	}
	if made != 17 {
		t.Errorf("made %d examples; expected 17: two types with three kinds, three with two, five with one. If you added a type, correct this number", made)
	}
}

func judged(t *testing.T, eventType *catalogue.EventType, message []byte) {
	t.Helper()
	doc, findings, err := fhir.ParseXML(message)
	if err != nil {
		t.Fatal(err)
	}
	findings = append(findings, eventType.Judge(doc, catalogue.Strict).Findings...)
	for _, f := range findings {
		t.Errorf("%s at %s: %s", f.Rule, f.Expression, f.Text)
	}
}

func TestKindsThatAPageDoesNotAllowAreRefusedByName(t *testing.T) {
	for _, c := range []struct{ code, kind, want string }{
		{"pds-change-of-gp-1", "update", `"update"`},
		{"blood-spot-test-outcome-1", "update", "new, delete"},
		{"vaccinations-1", "renew", "new, update, delete"},
		{"vaccinations-2", "new", "vaccinations-1"},
	} {
		if _, err := Message(c.code, c.kind, Patient{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v; expected an error that names %s", c.code, c.kind, err, c.want)
		}
	}
}

func TestMessagesAreAboutTheirPatient(t *testing.T) {
	p := Patient{NHSNumber: "9434765919", Family: `O'NEILL & "SONS"`, Given: "Zoë Ann", BirthDate: "1985-05-14", Postcode: "WF14 0BQ"}
	types, _ := catalogue.Embedded()
	for _, code := range Codes() {
		message, err := fixed().Message(code, "", p)
		if err != nil {
			t.Fatal(err)
		}
		eventType, _ := types.Type(code)
		judged(t, eventType, message)
		doc, _, _ := fhir.ParseXML(message)
		header := doc.Root().Child("entry").Child("resource").Resource()
		routing := header.Extension(nhsCore + "Extension-RoutingDemographics-1")
		if got := routing.Extension("name").At("valueHumanName", "family").Value(); got != p.Family {
			t.Errorf("%s: the routing name is %q; expected %q", code, got, p.Family)
		}
		if got := routing.Extension("nhsNumber").At("valueIdentifier", "value").Value(); got != p.NHSNumber {
			t.Errorf("%s: the routing number is %q; expected %q", code, got, p.NHSNumber)
		}
		if got := routing.Extension("name").At("valueHumanName", "given").Value(); got != "Zoë" {
			t.Errorf("%s: the first given name is %q; PDS keeps each for itself", code, got)
		}
	}
}

func TestGeneratorsAreDeterministicAndMessagesAreNot(t *testing.T) {
	a, _ := fixed().Message("vaccinations-1", "new", Patient{})
	b, _ := fixed().Message("vaccinations-1", "new", Patient{})
	if !bytes.Equal(a, b) {
		t.Error("the same ids and time made different messages")
	}
	c, _ := Message("vaccinations-1", "new", Patient{})
	d, _ := Message("vaccinations-1", "new", Patient{})
	if bytes.Equal(c, d) {
		t.Error("two messages have the same ids")
	}
}

func TestSizedMessagesPassToo(t *testing.T) {
	types, _ := catalogue.Embedded()
	eventType, _ := types.Type("vaccinations-1")
	for _, size := range []int{0, 11_400, 300_000} {
		message, err := Sized("vaccinations-1", "new", size)
		if err != nil {
			t.Fatal(err)
		}
		if len(message) < size || len(message) > max(size, 9_000)+500 {
			t.Errorf("asked for %d bytes; received %d", size, len(message))
		}
		judged(t, eventType, message)
	}
}

// Whatever is chosen, the message passes at strict.
func TestChoicesPassStrict(t *testing.T) {
	types, _ := catalogue.Embedded()
	for _, c := range []struct {
		code, want string
		choices    Choices
	}{
		{"vaccinations-1", `<notGiven value="true"/>`, Choices{NotGiven: true}},
		{"pds-change-of-address-1", `<postalCode value="EX2 5SE"/>`, Choices{OldPostcode: "EX2 5SE"}},
		{"pds-change-of-gp-1", `<value value="E82025"/>`, Choices{OldPractice: "E82025"}},
		{"pds-change-of-gp-1", `<value value="B85612"/>`, Choices{Left: true}},
		{"pds-death-notification-1", `<code value="1"/>`, Choices{Death: "1"}},
		{"pds-death-notification-1", `<code value="U"/>`, Choices{Death: "U"}},
	} {
		g := fixed()
		g.Choices = c.choices
		message, err := g.Message(c.code, "new", Patient{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(message, []byte(c.want)) {
			t.Errorf("%s: %+v: the message does not hold %s", c.code, c.choices, c.want)
		}
		eventType, _ := types.Type(c.code)
		judged(t, eventType, message)
	}
	g := fixed()
	g.Choices.Death = "3"
	if _, err := g.Message("pds-death-notification-1", "new", Patient{}); err == nil || !strings.Contains(err.Error(), "1, 2 or U") {
		t.Errorf("an unknown status of death: %v", err)
	}
}

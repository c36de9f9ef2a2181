package catalogue_test

import (
	"strings"
	"testing"
	"time"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
)

// TestManyOfOneKind: a megabyte of one element is judged in time that grows with
// the message. Code that compares each element with all others would take
// minutes.
func TestManyOfOneKind(t *testing.T) {
	const size, elements = 1 << 20, 90_000 // as many as a message may have
	for _, c := range []struct{ name, code, before, unit string }{
		{"extensions of the header", vaccinations, `<extension url="`, `<extension url="a"/>`},
		{"extensions of a Patient", death, `<extension url="https://fhir.hl7.org.uk/`, `<extension url="a"/>`},
		{"identifiers", vaccinations, `<identifier>`, `<identifier><value value="a"/></identifier>`},
		{"codings", vaccinations, `<coding>`, `<coding><code value="a"/></coding>`},
		{"types", contacts, `<type><coding>`, `<type/>`},
		{"names", vaccinations, `<name><use`, `<name/>`},
		{"performers", nipe, `<performer>`, `<performer><actor><reference value="#"/></actor></performer>`},
		{"references that lead nowhere", vaccinations, `<practitioner>`, `<practitioner><actor><reference value="Patient/1"/></actor></practitioner>`},
		{"references of the wrong type", vaccinations, `<practitioner>`, `<practitioner><actor><reference value="#"/></actor></practitioner>`},
		{"contained patients", vaccinations, `<extension url="https://fhir.hl7.org.uk/`, `<contained><Patient><id value="b"/></Patient></contained>`},
		{"telecoms without system and value", contacts, `<gender`, `<telecom/>`},
		{"official names", contacts, `<name><use`, `<name><use value="official"/></name>`},
		{"extensions of a known definition", contacts, `<extension url="https://fhir.hl7.org.uk/`, `<extension url="http://hl7.org/fhir/StructureDefinition/birthPlace"/>`},
		{"entries", vaccinations, `<entry>`, `<entry><resource><Patient/></resource></entry>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, err := example.Message(c.code, "new", example.Patient{})
			if err != nil {
				t.Fatal(err)
			}
			at := strings.Index(string(base), c.before)
			if at < 0 {
				t.Fatalf("%q is not in the message", c.before)
			}
			message := string(base[:at]) + strings.Repeat(c.unit, min(size/len(c.unit), elements/(strings.Count(c.unit, "<")-strings.Count(c.unit, "</")))) + string(base[at:])
			started := time.Now()
			judge(t, c.code, []byte(message), catalogue.Strict)
			if spent := time.Since(started); spent > 5*time.Second {
				t.Errorf("it took %v", spent)
			}
		})
	}
}

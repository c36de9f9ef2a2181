package catalogue_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/event"
	"nems/internal/fhir"
)

// part is what is repeated in a message: a unit that is inserted before a
// place. $ in the unit stands for its number.
type part struct{ before, unit string }

// TestWorkGrowsWithTheMessage: twice as many of anything cause at most twice as
// many steps and allocations, and few for each byte. Where many elements refer to
// many others, both are doubled.
func TestWorkGrowsWithTheMessage(t *testing.T) {
	const (
		header  = `<extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1">`
		patient = `<identifier><extension url="https://fhir.hl7.org.uk/`
	)
	at := func(parts ...part) []part { return parts }
	patients := part{`</Bundle>`, `<entry><fullUrl value="urn:uuid:$"/><resource><Patient><name><family value="b"/></name><birthDate value="1951-01-01"/></Patient></resource></entry>`}
	for name, parts := range map[string][]part{
		"entries":                       at(part{`</Bundle>`, `<entry><fullUrl value="urn:uuid:$"/><resource><Basic><code><text value="a"/></code></Basic></resource></entry>`}),
		"entries with one fullUrl":      at(part{`</Bundle>`, `<entry><fullUrl value="urn:uuid:a"/><resource><Basic><identifier><value value="a"/></identifier><code><text value="a"/></code></Basic></resource></entry>`}),
		"patients":                      at(patients),
		"patients, header's extensions": at(patients, part{header, `<extension url="a"><valueString value="a"/></extension>`}),
		"patients, a long name":         at(patients, part{`DAWKINS`, `a`}),
		"names, a long name":            at(part{`<name><use`, `<name><family value="$"/></name>`}, part{`DAWKINS`, `a`}),
		"conditions":                    at(part{`</Immunization>`, `<explanation><reason><text value="a"/></reason></explanation>`}),
		"identifiers":                   at(part{`<identifier>`, `<identifier><value value="$"/></identifier>`}),
		"identifiers of a patient":      at(part{patient, `<identifier><value value="$"/></identifier>`}),
		"extensions":                    at(part{`<extension url="`, `<extension url="$"><valueString value="a"/></extension>`}),
		"contacts":                      at(part{`<name><use`, `<telecom><system value="phone"/><value value="$"/></telecom>`}),
		"references to nobody":          at(part{`<practitioner>`, `<practitioner><actor><reference value="urn:uuid:$"/></actor></practitioner>`}),
		"references to contained":       at(part{`<practitioner>`, `<practitioner><actor><reference value="#$"/></actor></practitioner>`}, part{`<practitioner>`, `<practitioner><actor><reference value="$"/></actor></practitioner>`}),
		"contained":                     at(part{`<extension url="https://fhir.hl7.org.uk/`, `<contained><Patient><id value="b$"/></Patient></contained>`}),
		"namespaces":                    at(part{`</Bundle>`, `<entry xmlns:p="urn:x"><p:a/></entry>`}),
		"attributes":                    at(part{`</Bundle>`, `<entry a="" b="" c="" d="" e="" f="" g=""/>`}),
		"names that STU3 has not":       at(part{`</Bundle>`, `<a$/>`}),
		"narrative":                     at(part{`<identifier>`, `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p id="a$">a</p></div></text>`}),
		"comments and lines":            at(part{`</Bundle>`, "<!-- $ -->\r\n"}),
	} {
		t.Run(name, func(t *testing.T) { growsWithTheMessage(t, vaccinations, parts) })
	}
	gps := part{`<generalPractitioner>`, `<generalPractitioner><reference value="urn:uuid:gp"/></generalPractitioner>`}
	versions := part{`<generalPractitioner>`, `<generalPractitioner><reference value="http://a/Organization/gp/_history/$"/></generalPractitioner>`}
	t.Run("practices", func(t *testing.T) {
		growsWithTheMessage(t, `pds-change-of-gp-1`, at(gps, part{`<!-- large -->`, `<identifier><value value="$"/></identifier>`}))
	})
	t.Run("versions", func(t *testing.T) {
		growsWithTheMessage(t, `pds-change-of-gp-1`, at(versions, part{`<!-- versioned -->`, `<identifier><value value="$"/></identifier>`}))
	})
}

// large adds an organisation that can be referenced in two ways.
const large = `<entry><fullUrl value="urn:uuid:gp"/><resource><Organization><!-- large --><name value="a"/></Organization></resource></entry>` +
	`<entry><fullUrl value="http://a/Organization/gp"/><resource><Organization><!-- versioned --><name value="a"/></Organization></resource></entry></Bundle>`

func growsWithTheMessage(t *testing.T, code string, parts []part) {
	base, err := example.Message(code, "new", example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	eventType, _ := types.Type(code)
	length := 0
	work := func(n int) int64 {
		message := strings.Replace(string(base), "</Bundle>", large, 1)
		for _, p := range parts {
			message = repeated(t, message, p, n)
		}
		length = len(message)
		return steps(func() {
			doc, _, err := fhir.ParseXML([]byte(message))
			if err != nil {
				t.Fatal(err)
			}
			event.Read(doc)
			eventType.Judge(doc, catalogue.Strict)
		})
	}
	work(1) // pays for what is computed only once
	const few = 3000
	least, once, twice := work(1), work(few), work(2*few)
	if twice > 2*once+least+few || twice > 8*int64(length) {
		t.Errorf("1: %d, %d: %d, %d: %d steps, for %d bytes", least, few, once, 2*few, twice, length)
	}
}

// repeated inserts n units into a message.
func repeated(t *testing.T, message string, p part, n int) string {
	at := strings.Index(message, p.before)
	if at < 0 {
		t.Fatalf("%q is not in the message", p.before)
	}
	var all strings.Builder
	for i := range n {
		all.WriteString(strings.ReplaceAll(p.unit, "$", strconv.Itoa(i+100000)))
	}
	return message[:at] + all.String() + message[at:]
}

// steps counts what f does: elements visited, bytes looked at, allocations.
func steps(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	count := fhir.CountWork(f)
	runtime.ReadMemStats(&after)
	return count + int64(after.Mallocs-before.Mallocs)
}

package fhir

import (
	"fmt"
	"strings"
	"testing"
)

func TestFindings(t *testing.T) {
	const patient = `<Patient xmlns="http://hl7.org/fhir">`
	tests := []struct {
		source     string
		rule, code string
		expression string
		location   string
		text       string
	}{
		{patient + `<birthDate value="20170231"/></Patient>`, "schema-value", "value", "Patient.birthDate", "/f:Patient/f:birthDate",
			"a date needs the form YYYY, YYYY-MM or YYYY-MM-DD and must exist; received 8 characters (digits)"},
		{patient + `<gender value="man"/></Patient>`, "schema-code", "code-invalid", "Patient.gender", "/f:Patient/f:gender",
			"a code of the list AdministrativeGender is needed: male, female, other, unknown; received 3 characters (letters)"},
		{patient + `<birthDate value="2017"/><gender value="male"/></Patient>`, "schema-order", "structure", "Patient.gender", "/f:Patient/f:gender",
			"gender must come before birthDate; received it after"},
		{patient + `<birthDate value="2017"/><birthDate value="2018"/></Patient>`, "schema-cardinality", "structure", "Patient.birthDate[1]", "/f:Patient/f:birthDate[2]",
			"birthDate may occur once; received it again"},
		{patient + `<deceasedBoolean value="true"/><deceasedDateTime value="2018"/></Patient>`, "schema-choice", "structure",
			"Patient.deceased.ofType(dateTime)", "/f:Patient/f:deceasedDateTime", "at most one deceased[x] is allowed here; received another: deceasedDateTime"},
		{patient + `<link><other><display value="d"/></other></link></Patient>`, "schema-required", "required", "Patient.link[0]", "/f:Patient/f:link[1]",
			"Patient.Link needs type; received none"},
		{patient + `<photo><size value="1"/><color value="red"/></photo></Patient>`, "schema-element", "structure", "Patient.photo[0].color", "/f:Patient/f:photo[1]/f:color",
			`Attachment has no element "color"; expected hash, title, creation`},
		{patient + `<contained><Cat/></contained></Patient>`, "schema-element", "structure", "Patient.contained[0].Cat", "/f:Patient/f:contained[1]/f:Cat",
			`a resource of FHIR STU3 belongs here; received "Cat"`},
		{patient + `<contained/></Patient>`, "schema-required", "required", "Patient.contained[0]", "/f:Patient/f:contained[1]",
			"ResourceContainer needs resource; received none"},
		{patient + `<contained><Basic><id value="b"/><code><text value="a"/></code></Basic><Patient><active value="true"/></Patient></contained><managingOrganization><reference value="#b"/></managingOrganization></Patient>`, "schema-choice", "structure",
			"Patient.contained[0].ofType(Patient)", "/f:Patient/f:contained[1]/f:Patient", "at most one resource is allowed here; received another: Patient"},
		{patient + `<active/></Patient>`, "global-1", "invariant", "Patient.active", "/f:Patient/f:active",
			"an element needs a value or child elements; received neither"},
		{patient + `<active id="a"/></Patient>`, "global-1", "invariant", "Patient.active", "/f:Patient/f:active",
			"an element needs a value or child elements; received neither"},
		{patient + `<extension url="a"/></Patient>`, "ext-1", "invariant", "Patient.extension[0]", "/f:Patient/f:extension[1]",
			"an extension has either a value or extensions; received neither"},
		{patient + `<extension><valueCode value="a"/></extension></Patient>`, "schema-required", "required", "Patient.extension[0]", "/f:Patient/f:extension[1]",
			"an extension needs the attribute url; received none"},
		{patient + `<extension url="a"><extension url="b"><valueCode value="a"/></extension><valueCode value="a"/></extension></Patient>`,
			"ext-1", "invariant", "Patient.extension[0]", "/f:Patient/f:extension[1]", "an extension has either a value or extensions; received both"},
		{patient + `<active value="1"/></Patient>`, "fhir-boolean", "value", "Patient.active", "/f:Patient/f:active", "a boolean is true or false; received 1 character (digits)"},
		{patient + `<active value=" true"/></Patient>`, "fhir-whitespace", "value", "Patient.active", "/f:Patient/f:active",
			"a boolean must not have white space other than single blanks inside a code; received 5 characters (letters, white space)"},
		{patient + `<deceasedDateTime value="2017-01-01T00:00:00"/></Patient>`, "fhir-time-zone", "value", "Patient.deceased.ofType(dateTime)", "/f:Patient/f:deceasedDateTime",
			"a time of day needs a time zone, Z or an offset such as +01:00; received 19 characters (digits, letters, dashes, other characters)"},
		{patient + `<implicitRules value=""/></Patient>`, "fhir-empty-value", "value", "Patient.implicitRules", "/f:Patient/f:implicitRules",
			"a value needs a visible character; received nothing"},
		{patient + `<name value="x"><family value="a"/></name></Patient>`, "schema-attribute", "structure", "Patient.name[0]", "/f:Patient/f:name[1]",
			`attributes of a HumanName: id; received "value"`},
		{patient + `<name>stray<family value="a"/></name></Patient>`, "schema-text", "structure", "Patient.name[0]", "/f:Patient/f:name[1]",
			"this element has no text content; received 5 characters"},
		{`<Patient xmlns="http://hl7.org/fhir" id="a"><active value="true"/></Patient>`, "schema-attribute", "structure", "Patient", "/f:Patient", `attributes of a Patient: none; received "id"`},
		{`<HumanName xmlns="http://hl7.org/fhir"/>`, "schema-root", "structure", "HumanName", "/f:HumanName", `a resource of FHIR STU3 belongs here; received "HumanName"`},
		{`<Patient/>`, "schema-root", "structure", "Patient", "/f:Patient", "elements here are in the namespace http://hl7.org/fhir; received one in another namespace or in none"},
	}
	for _, tt := range tests {
		_, findings, err := ParseXML([]byte(tt.source))
		if err != nil || len(findings) != 1 {
			t.Errorf("%s: want one finding, got %+v, %v", tt.source, findings, err)
			continue
		}
		f := findings[0]
		if f.Rule != tt.rule || f.Code != tt.code || f.Expression != tt.expression || f.Location != tt.location || f.Text != tt.text ||
			!f.Refuses() || f.Source == "" || f.Line != 1 {
			t.Errorf("%s:\nwant %s %s %s %s\n     %q\ngot  %+v", tt.source, tt.rule, tt.code, tt.expression, tt.location, tt.text, f)
		}
	}
}

// Findings come in document order with their places.
func TestFindingPlaces(t *testing.T) {
	_, findings, err := ParseXML([]byte("<Patient xmlns=\"http://hl7.org/fhir\">\n  <name><!-- \u00e9 --><family value=\"\"/></name>\n\t<shoe/><active value=\"no\"/>\n</Patient>"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%s %d:%d", f.Rule, f.Line, f.Column))
	}
	if want := "schema-value 2:34, schema-element 3:2, schema-order 3:9, schema-value 3:24"; strings.Join(got, ", ") != want {
		t.Errorf("want %s, got %s", want, strings.Join(got, ", "))
	}
}

func TestFindingsAreCapped(t *testing.T) {
	source := `<Patient xmlns="http://hl7.org/fhir">` + strings.Repeat(`<active value="x"/>`, 300) + `</Patient>`
	_, findings, err := ParseXML([]byte(source))
	if err != nil || len(findings) != 201 {
		t.Fatalf("%d findings, %v", len(findings), err)
	}
	last := findings[200]
	if last.Refuses() || last.Text != "and 399 more findings" {
		t.Errorf("last: %+v", last)
	}
}

// No finding and no syntax error quotes a value or text.
func TestFindingsHoldNoValues(t *testing.T) {
	const secret = "9434765919"
	sources := []string{
		`<Patient xmlns="http://hl7.org/fhir">` + secret + `<birthDate value="` + secret + `"/><active value="` + secret + `"/><gender value="` + secret + `"/></Patient>`,
		`<Patient xmlns="http://hl7.org/fhir"><name foo="` + secret + `" value="` + secret + `"><family id="" value=" ` + secret + `"/></name><id value="a b` + secret + `"/></Patient>`,
		div(`<p class="` + secret + `" onclick="` + secret + `" dir="` + secret + `"><script>` + secret + `</script><ul>` + secret + `</ul></p>`),
		`<Patient xmlns="http://hl7.org/fhir">` + secret + `&`, secret, `<a b="` + secret + `" b="` + secret + `"/>`, `<a>` + secret + `</b>`,
	}
	for _, source := range sources {
		_, findings, err := ParseXML([]byte(source))
		if text := fmt.Sprintf("%+v %v", findings, err); strings.Contains(text, secret) {
			t.Errorf("quoted: %s", text)
		}
	}
	_, findings, err := JSONToXML([]byte(`{"resourceType":"Patient","active":"` + secret + `","birthDate":` + secret + `,"name":["` + secret + `"]}`))
	if text := fmt.Sprintf("%+v %v", findings, err); len(findings) != 3 || strings.Contains(text, secret) {
		t.Errorf("quoted: %s", text)
	}
	if _, _, err := JSONToXML([]byte(`{"a":` + secret + `x}`)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("quoted: %v", err)
	}
}

package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// dump writes a document in a form that is equal for equal documents.
func dump(n Node) string {
	var b strings.Builder
	var walk func(Node, int)
	walk = func(n Node, depth int) {
		fmt.Fprintf(&b, "%s%s %s id=%q url=%q value=%q", strings.Repeat(" ", depth), n.Name(), n.Type(), n.ID(), n.URL(), n.Value())
		if n.Type() == "xhtml" {
			b.Write(n.narrative())
		}
		b.WriteByte('\n')
		for c := range n.Children() {
			walk(c, depth+1)
		}
	}
	walk(n, 0)
	return b.String()
}

// roundTrip takes XML through JSON and back and compares the documents.
func roundTrip(t *testing.T, name string, source []byte) {
	t.Helper()
	doc, findings, err := ParseXML(source)
	if err != nil || len(structural(findings)) > 0 {
		t.Fatalf("%s: %v %+v\n%s", name, err, findings, source)
	}
	text, err := XMLToJSON(doc)
	if err != nil || !json.Valid(text) {
		t.Fatalf("%s: to JSON: %v\n%s", name, err, text)
	}
	back, findings, err := JSONToXML(text)
	if err != nil || len(structural(findings)) > 0 {
		t.Fatalf("%s: from JSON: %v %+v\n%s", name, err, findings, text)
	}
	again, findings, err := ParseXML(back)
	if err != nil || len(structural(findings)) > 0 {
		t.Fatalf("%s: the way back: %v %+v\n%s", name, err, findings, back)
	}
	if before, after := dump(doc.Root()), dump(again.Root()); before != after {
		t.Fatalf("%s: changed on the way\nbefore:\n%s\nafter:\n%s", name, before, after)
	}
	if second, err := XMLToJSON(again); err != nil || !bytes.Equal(text, second) {
		t.Fatalf("%s: the second JSON differs: %v", name, err)
	}
}

func TestRoundTripExamples(t *testing.T) {
	for name, source := range examples(t) {
		if _, findings, err := ParseXML(source); err != nil || len(findings) > 0 {
			continue // four examples break STU3
		}
		roundTrip(t, name, source)
	}
}

func TestRoundTripInstances(t *testing.T) {
	g := newInstances(1)
	for _, name := range g.resourceNames() {
		for _, fill := range []float64{0, 0.3, 1} {
			roundTrip(t, name, g.resource(name, fill))
		}
	}
}

func TestJSONForm(t *testing.T) {
	source := `<Patient xmlns="http://hl7.org/fhir"><id value="p1"/><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">A "B"</div></text>
		<contained><Organization><id value="o"/><name value="O"/></Organization></contained>
		<active value="true"/><name id="n1"><given value="A"/><given id="g2"><extension url="http://x/1"><valueInteger value="7"/></extension></given></name>
		<birthDate><extension url="http://x/2"><valueDecimal value="1.50"/></extension></birthDate><managingOrganization><reference value="#o"/></managingOrganization></Patient>`
	want := `{"resourceType":"Patient","id":"p1","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">A \"B\"</div>"},` +
		`"contained":[{"resourceType":"Organization","id":"o","name":"O"}],` +
		`"active":true,"name":[{"id":"n1","given":["A",null],"_given":[null,{"id":"g2","extension":[{"url":"http://x/1","valueInteger":7}]}]}],` +
		`"_birthDate":{"extension":[{"url":"http://x/2","valueDecimal":1.50}]},"managingOrganization":{"reference":"#o"}}`
	doc, findings, err := ParseXML([]byte(source))
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	got, err := XMLToJSON(doc)
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

// A document whose structure is broken has no JSON form.
func TestXMLToJSONOfBroken(t *testing.T) {
	for _, source := range []string{
		`<Patient xmlns="http://hl7.org/fhir"><shoeSize value="9"/></Patient>`,
		`<Patient xmlns="http://hl7.org/fhir"><active value="true"/><active value="true"/></Patient>`,
		`<Patient xmlns="http://hl7.org/fhir"><active value="maybe"/></Patient>`,
		`<Patient xmlns="http://hl7.org/fhir"><contained/></Patient>`,
		`<Nothing xmlns="http://hl7.org/fhir"/>`,
	} {
		doc, _, err := ParseXML([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := XMLToJSON(doc); !errors.Is(err, ErrStructure) {
			t.Errorf("%s: got %s, %v", source, got, err)
		}
	}
}

func TestJSONFindings(t *testing.T) {
	tests := []struct{ source, rule, path string }{
		{`[]`, "fhir-json-resource-type", ""},
		{`{"active":true}`, "fhir-json-resource-type", ""},
		{`{"resourceType":"Cat"}`, "fhir-json-resource-type", ""},
		{`{"resourceType":"Patient","shoeSize":9}`, "fhir-json-member", "Patient"},
		{`{"resourceType":"Patient","_name":[]}`, "fhir-json-member", "Patient"},
		{`{"resourceType":"Patient","active":"true"}`, "fhir-json-type", "Patient.active"},
		{`{"resourceType":"Patient","birthDate":2017}`, "fhir-json-type", "Patient.birthDate"},
		{`{"resourceType":"Patient","birthDate":null}`, "fhir-json-type", "Patient.birthDate"},
		{`{"resourceType":"Patient","birthDate":["2017"]}`, "fhir-json-type", "Patient.birthDate"},
		{`{"resourceType":"Patient","name":{"family":"x"}}`, "fhir-json-type", "Patient.name"},
		{`{"resourceType":"Patient","name":[]}`, "fhir-json-type", "Patient.name"},
		{`{"resourceType":"Patient","name":[1]}`, "fhir-json-type", "Patient.name[0]"},
		{`{"resourceType":"Patient","name":[{"given":["a",null]}]}`, "fhir-json-type", "Patient.name[0].given[1]"},
		{`{"resourceType":"Patient","name":[{"family":"\u0001"}]}`, "fhir-json-type", "Patient.name[0].family"},
		{`{"resourceType":"Patient","_birthDate":"x"}`, "fhir-json-type", "Patient.birthDate"},
		{`{"resourceType":"Patient","multipleBirthInteger":"1"}`, "fhir-json-type", "Patient.multipleBirthInteger"},
		{`{"resourceType":"Patient","text":{"status":"generated","div":"<div>x</div>"}}`, "fhir-json-narrative", "Patient.text.div"},
		{`{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'/></text><evil/>"}}`, "fhir-json-narrative", "Patient.text.div"},
		{`{"resourceType":"Patient","text":{"status":"generated","div":{}}}`, "fhir-json-type", "Patient.text.div"},
		{`{"resourceType":"Patient","extension":[{"url":1}]}`, "fhir-json-type", "Patient.extension[0].url"},
		{`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Dog"}}]}`, "fhir-json-resource-type", "Bundle.entry[0].resource"},
	}
	for _, tt := range tests {
		xml, findings, err := JSONToXML([]byte(tt.source))
		if err != nil || len(findings) != 1 || findings[0].Rule != tt.rule || findings[0].Expression != tt.path {
			t.Errorf("%s: want %s at %q, got %+v, %v", tt.source, tt.rule, tt.path, findings, err)
			continue
		}
		if (xml == nil) != (tt.path == "") {
			t.Errorf("%s: XML %q", tt.source, xml)
		}
		if xml == nil {
			continue
		}
		if _, _, err := ParseXML(xml); err != nil {
			t.Errorf("%s: the XML is broken: %v\n%s", tt.source, err, xml)
		}
	}
}

func TestJSONSyntax(t *testing.T) {
	tests := []struct {
		source, rule string
		line, column int
	}{
		{"", "json-syntax", 1, 1},
		{"{", "json-syntax", 1, 2},
		{"{\"a\":1,\n \"a\":2}", "json-duplicate-member", 2, 2},
		{"{\"a\":\"\xff\"}", "json-utf8", 0, 0},
		{`{"a":"\ud800"}`, "json-syntax", 0, 0},
		{`{"a":01}`, "json-syntax", 0, 0},
		{`{"a":1,}`, "json-syntax", 0, 0},
		{`{} {}`, "json-syntax", 1, 4},
		{"\ufeff{}", "json-syntax", 0, 0},
		{strings.Repeat("[", 129), "fhir-depth", 0, 0},
		{`{"resourceType":"Patient","communication":[` + strings.Repeat(`{},`, 50000) + `{}]}`, "fhir-size", 0, 0},
	}
	for _, tt := range tests {
		_, _, err := JSONToXML([]byte(tt.source))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Rule != tt.rule || tt.line > 0 && (syntax.Line != tt.line || syntax.Column != tt.column) {
			t.Errorf("%.60q: want %s at %d:%d, got %v (%+v)", tt.source, tt.rule, tt.line, tt.column, err, syntax)
		}
	}
}

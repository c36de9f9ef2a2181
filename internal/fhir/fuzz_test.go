package fhir

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// xmlSeeds are seeds for both readers: small ones, valid ones and odd ones.
func xmlSeeds() []string {
	g := newInstances(3)
	seeds := []string{
		basicStart + basicRest, `<?xml version="1.0" encoding="utf-8"?>` + basicStart + "<!-- c -->" + basicRest,
		`<f:Basic xmlns:f="http://hl7.org/fhir"><f:code><f:text value="&#65;&amp;"/></f:code></f:Basic>`,
		div(`<p class="a" id="b">x<br/><![CDATA[<]]></p><table border="1"><tr><td colspan="2">1</td></tr></table>`),
		`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><Patient/></resource></entry></Bundle>`,
		`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, "\ufeff<a/>", "<a b='1' b='2'/>", "<a:b/>", "<a>]]></a>",
	}
	for _, name := range []string{"Patient", "Observation", "Parameters", "Subscription"} {
		seeds = append(seeds, string(g.resource(name, 0.3)))
	}
	return seeds
}

// Whatever the bytes, nothing panics; and accepted bytes are read alike by encoding/xml.
func FuzzParseXML(f *testing.F) {
	for _, seed := range xmlSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		doc, findings, err := ParseXML(source)
		if err != nil {
			return
		}
		walk(doc.Root())
		if len(findings) > 0 {
			return
		}
		ours, theirs := outline(doc), outlineOfStandardLibrary(t, source)
		if ours != theirs {
			t.Errorf("read differently\nours:\n%s\ntheirs:\n%s", ours, theirs)
		}
		text, err := XMLToJSON(doc)
		if err != nil {
			t.Fatalf("accepted, but not to be written as JSON: %v", err)
		}
		if _, findings, err := JSONToXML(text); err != nil || len(findings) > 0 {
			t.Fatalf("JSON of ours refused: %v %+v\n%s", err, findings, text)
		}
	})
}

// walk calls all that a reader may call, also on documents with findings.
func walk(n Node) {
	_, _, _, _ = n.Expression(), n.Location(), n.Type(), n.URL()
	_, _ = n.ID(), n.Value()
	for c := range n.Children() {
		walk(c)
	}
}

// blanks turns all white space into blanks, because encoding/xml does not
// normalise attributes.
var blanks = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")

func outline(doc *Document) string {
	var b strings.Builder
	for i := range doc.nodes {
		n := Node{doc, uint32(i)}
		b.WriteString(n.Name() + " " + blanks.Replace(n.Value()+n.URL()+" "+n.ID()) + "\n")
	}
	return b.String()
}

func outlineOfStandardLibrary(t *testing.T, source []byte) string {
	var b strings.Builder
	decoder := xml.NewDecoder(bytes.NewReader(source))
	inNarrative := 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatalf("accepted, but not by encoding/xml: %v", err)
		}
		switch element := token.(type) {
		case xml.StartElement:
			if inNarrative > 0 || element.Name.Space == "http://www.w3.org/1999/xhtml" {
				inNarrative++
			}
			if inNarrative <= 1 {
				value, id := attributesOf(element)
				b.WriteString(element.Name.Local + " " + blanks.Replace(value+" "+id) + "\n")
			}
		case xml.EndElement:
			inNarrative = max(inNarrative-1, 0)
		}
	}
}

func attributesOf(element xml.StartElement) (value, id string) {
	for _, a := range element.Attr {
		switch {
		case a.Name.Space != "":
		case a.Name.Local == "value" || a.Name.Local == "url":
			value = a.Value
		case a.Name.Local == "id":
			id = a.Value
		}
	}
	return value, id
}

// Whatever the bytes, nothing panics; the XML is well formed; and an accepted
// resource survives the round trip.
func FuzzJSONToXML(f *testing.F) {
	for _, seed := range xmlSeeds() {
		doc, findings, err := ParseXML([]byte(seed))
		if err == nil && len(findings) == 0 {
			text, err := XMLToJSON(doc)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte(`{"resourceType":"Patient","_birthDate":{"id":"a"},"name":[{"given":[null,"b"],"_given":[{"id":"c"},null]}]}`))
	f.Add([]byte(`{"resourceType":"Patient","text":{"div":"<div/>"},"x":[{},[],null,1e5,"\u00e9"]}`))
	f.Fuzz(func(t *testing.T, source []byte) {
		made, findings, err := JSONToXML(source)
		if err != nil || made == nil || len(findings) > 0 {
			return
		}
		doc, findings, err := ParseXML(made)
		if err != nil {
			// JSON counts its levels differently.
			if err.(*SyntaxError).Rule != "fhir-depth" {
				t.Fatalf("the XML is not well formed: %v\n%s", err, made)
			}
			return
		}
		if len(findings) > 0 {
			return
		}
		text, err := XMLToJSON(doc)
		if err != nil {
			t.Fatalf("accepted, but not to be written: %v", err)
		}
		again, findings, err := JSONToXML(text)
		if err != nil || len(findings) > 0 || !bytes.Equal(again, made) {
			t.Errorf("changed on the way: %v %+v\n%s\n%s", err, findings, made, again)
		}
	})
}

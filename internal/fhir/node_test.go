package fhir

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

const nodeSample = `<?xml version="1.0"?>
<Bundle xmlns="http://hl7.org/fhir">
	<id value="b1"/>
	<type value="message"/>
	<entry>
		<fullUrl value="urn:uuid:01234567-89ab-cdef-0123-456789abcdef"/>
		<resource>
			<Patient>
				<extension url="http://example.org/a"><valueString value="first"/></extension>
				<extension url="http://example.org/b&amp;c"><valueDateTime value="2017-01-01"/></extension>
				<name id="n1"><family value="O&apos;Neill &#38; Co&#10;x"/><given value="A"/><given value="B"/></name>
				<birthDate value="2017-10-02"/>
			</Patient>
		</resource>
	</entry>
	<entry><resource><Basic><code><text value="t"/></code></Basic></resource></entry>
</Bundle>`

func parseSample(t *testing.T) *Document {
	t.Helper()
	doc, findings, err := ParseXML([]byte(nodeSample))
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	return doc
}

func TestNodeNavigation(t *testing.T) {
	doc := parseSample(t)
	root := doc.Root()
	patient := root.At("entry", "resource").Resource()
	tests := []struct{ what, got, want string }{
		{"root", root.Name() + " " + root.Type(), "Bundle Bundle"},
		{"value", root.Child("id").Value(), "b1"},
		{"code list", root.Child("type").Type(), "code"},
		{"component", root.Child("entry").Type(), "Bundle.Entry"},
		{"container", root.At("entry", "resource").Type(), "ResourceContainer"},
		{"resource", patient.Name() + " " + patient.Type(), "Patient Patient"},
		{"data type", patient.Child("name").Type(), "HumanName"},
		{"references", patient.At("name", "family").Value(), "O'Neill & Co\nx"},
		{"bytes", string(patient.At("name", "given").ValueBytes()), "A"},
		{"id", patient.Child("name").ID(), "n1"},
		{"no id", patient.Child("birthDate").ID(), ""},
		{"url", patient.Child("extension").URL(), "http://example.org/a"},
		{"url is no value", patient.Child("extension").Value(), ""},
		{"value is no url", patient.Child("birthDate").URL(), ""},
		{"extension", patient.Extension("http://example.org/b&c").Choice("value").Value(), "2017-01-01"},
		{"choice", patient.Extension("http://example.org/a").Choice("value").Name(), "valueString"},
		{"choice wants a type", patient.Child("name").Choice("giv").Name(), ""},
		{"parent", patient.Child("name").Parent().Name(), "Patient"},
		{"expression", patient.At("name", "given").Expression(), "Bundle.entry[0].resource.ofType(Patient).name[0].given[0]"},
		{"location", patient.At("name", "given").Location(), "/f:Bundle/f:entry[1]/f:resource/f:Patient/f:name[1]/f:given[1]"},
		{"expression of a choice", patient.Extension("http://example.org/b&c").Choice("value").Expression(),
			"Bundle.entry[0].resource.ofType(Patient).extension[1].value.ofType(dateTime)"},
		{"location of a choice", patient.Extension("http://example.org/b&c").Choice("value").Location(),
			"/f:Bundle/f:entry[1]/f:resource/f:Patient/f:extension[2]/f:valueDateTime"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	var given []string
	for n := range patient.Child("name").ChildrenNamed("given") {
		given = append(given, n.Value())
	}
	if !slices.Equal(given, []string{"A", "B"}) || patient.Child("name").Count("given") != 2 || root.Count("entry") != 2 {
		t.Errorf("children: %v", given)
	}
	if !patient.Child("birthDate").EqualValue("2017-10-02") || patient.Child("birthDate").EqualValue("2017-10-03") {
		t.Error("EqualValue")
	}
	if root.Child("entry") != patient.Parent().Parent() {
		t.Error("the same element is not the same node")
	}
}

func TestNodeOffsets(t *testing.T) {
	doc := parseSample(t)
	birthDate := doc.Root().At("entry", "resource", "Patient", "birthDate")
	start, end := birthDate.Offset()
	if got := string(doc.Bytes()[start:end]); got != `<birthDate value="2017-10-02"/>` {
		t.Errorf("bytes %q", got)
	}
	if line, column := birthDate.Position(); line != 12 || column != 5 {
		t.Errorf("position %d:%d", line, column)
	}
	start, end = doc.Root().Child("entry").Offset()
	if got := string(doc.Bytes()[start:end]); !strings.HasPrefix(got, "<entry>") || !strings.HasSuffix(got, "</entry>") {
		t.Errorf("bytes %q", got)
	}
}

// Paths can be chained without checks.
func TestAbsentNode(t *testing.T) {
	var n Node
	absent := []Node{n, n.Child("a"), n.At("a", "b"), n.Extension("a"), n.Choice("a"), n.Resource(), n.Parent(),
		parseSample(t).Root().At("a", "b"), parseSample(t).Root().Parent(), new(Document).Root(), (*Document)(nil).Root()}
	for i, n := range absent {
		line, column := n.Position()
		start, end := n.Offset()
		if n.Exists() || n.Name()+n.Type()+n.Value()+n.URL()+n.ID()+n.Expression()+n.Location() != "" || n.HasValue() ||
			n.ValueBytes() != nil || n.EqualValue("") || n.Count("a") != 0 || line+column+start+end != 0 {
			t.Errorf("%d: not absent", i)
		}
		for range n.Children() {
			t.Errorf("%d: has children", i)
		}
	}
}

// The readable parts of a broken document can still be read.
func TestReadingBrokenStructure(t *testing.T) {
	doc, findings, err := ParseXML([]byte(`<Patient xmlns="http://hl7.org/fhir"><shoeSize value="9"><left value="8"/></shoeSize><shoeSize/><birthDate value="x"/></Patient>`))
	if err != nil || len(findings) == 0 {
		t.Fatal(err, findings)
	}
	size := doc.Root().Child("shoeSize")
	if size.Name() != "shoeSize" || size.Type() != "" || size.Value() != "9" || size.Child("left").Value() != "8" {
		t.Errorf("unknown element: %q %q %q", size.Name(), size.Type(), size.Value())
	}
	if got := size.Child("left").Expression(); got != "Patient.shoeSize.left" {
		t.Errorf("expression %q", got)
	}
	if got := doc.Root().Child("birthDate").Value(); got != "x" {
		t.Errorf("value %q", got)
	}
}

func TestConcurrentReaders(t *testing.T) {
	doc := parseSample(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				walk(doc.Root())
			}
		})
	}
	group.Wait()
}

func TestReadingAllocatesNothing(t *testing.T) {
	doc := parseSample(t)
	allocations := testing.AllocsPerRun(100, func() {
		n := doc.Root().At("entry", "resource", "Patient")
		if !n.Child("birthDate").EqualValue("2017-10-02") || !n.Extension("http://example.org/a").Choice("value").EqualValue("first") {
			t.Fatal("not found")
		}
		for c := range n.Child("name").ChildrenNamed("given") {
			if c.Name() != "given" {
				t.Fatal("wrong child")
			}
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

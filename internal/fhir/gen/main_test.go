package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The embedded facts agree with HL7's schema.
func TestFactsAreCurrent(t *testing.T) {
	made, err := generate(filepath.Join("..", "..", "..", "testdata", "hl7", "fhir-single.xsd"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join("..", "stu3.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, kept) {
		t.Error("stu3.txt is not what the schema says: run go generate ./internal/fhir")
	}
}

// The embedded invariants agree with HL7's Schematron and with the embedded
// types.
func TestInvariantsAreCurrent(t *testing.T) {
	made, err := generateInvariants("schematron.txt", filepath.Join("..", "stu3.txt"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join("..", "invariants.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, kept) {
		t.Error("invariants.txt is not what schematron.txt says: run go generate ./internal/fhir")
	}
}

// A Schematron survives the conversion to facts and back.
func TestSchematron(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.sch")
	source := `<schema><pattern><rule context="f:Patient/f:contact"><assert test="a  or b">pat-1: One of two</assert></rule>` +
		`<rule context="f:Patient/f:text/h:div"><assert test="c">txt-1: Words</assert></rule>` +
		`<rule context="f:Organization/f:address"><assert test="d">org-2: Not home</assert></rule></pattern></schema>`
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := readSchematron(file)
	if err != nil {
		t.Fatal(err)
	}
	facts := writeSchematron(read)
	again, err := parseSchematron(facts)
	if err != nil || !reflect.DeepEqual(read, again) {
		t.Fatalf("%v\nread  %v\nagain %v", err, read, again)
	}
	types := parseTypes([]byte("type\tPatient\tBase\n\tcontact Patient.Contact 0 *\ntype\tBase\t\n\ttext Narrative 0 1\n" +
		"type\tNarrative\t\n\tdiv xhtml 1 1\ntype\tOrganization\t\n\taddress Address 0 *\n"))
	bound, err := invariants(again, types)
	want := "Patient.Contact\tpat-1\ta or b\tOne of two\nxhtml\ttxt-1\tc\tWords\nOrganization/address\torg-2\td\tNot home\n"
	if err != nil || !strings.HasSuffix(string(bound), "\n"+want) {
		t.Errorf("%v\n%s", err, bound)
	}
	if _, err := invariants(again, typeTable{}); err == nil {
		t.Error("types that are not there: no error")
	}
}

func TestGenerateRefuses(t *testing.T) {
	dir := t.TempDir()
	sources := map[string]string{
		"not XML":          "<",
		"another particle": `<schema><complexType name="A"><sequence><any/></sequence></complexType></schema>`,
	}
	for name, source := range sources {
		file := filepath.Join(dir, "fhir-single.xsd")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := generate(filepath.Join(dir, "absent.xsd")); err == nil {
		t.Error("no file: no error")
	}
}

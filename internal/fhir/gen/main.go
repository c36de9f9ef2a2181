// Command gen reads HL7's definitions of FHIR STU3 and writes the facts that
// package fhir checks resources against, as compact text.
//
//	go run ./gen -schema DIR           fhir-single.xsd to stu3.txt
//	go run ./gen -schematron FILE      fhir-invariants.sch to gen/schematron.txt
//	go run ./gen                       both of these to invariants.txt
//
// DIR holds fhir-single.xsd as HL7 publishes it, and FILE is published beside
// it (fhir-all-xsd.zip of http://hl7.org/fhir/STU3/downloads.html).
package main

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The files that are written, relative to internal/fhir.
const (
	typesFile      = "stu3.txt"
	schematronFile = "gen/schematron.txt"
	invariantsFile = "invariants.txt"
)

func main() {
	schema := flag.String("schema", "", "folder that holds fhir-single.xsd")
	schematron := flag.String("schematron", "", "the file fhir-invariants.sch")
	flag.Parse()
	if err := run(*schema, *schematron); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(schema, schematron string) error {
	switch {
	case schema != "":
		facts, err := generate(filepath.Join(schema, "fhir-single.xsd"))
		return write(typesFile, facts, err)
	case schematron != "":
		all, err := readSchematron(schematron)
		return write(schematronFile, writeSchematron(all), err)
	}
	facts, err := generateInvariants(schematronFile, typesFile)
	return write(invariantsFile, facts, err)
}

func write(file string, facts []byte, err error) error {
	if err != nil {
		return err
	}
	return os.WriteFile(file, facts, 0o644)
}

func generateInvariants(schematron, types string) ([]byte, error) {
	assertions, err := os.ReadFile(schematron)
	if err != nil {
		return nil, err
	}
	typeFacts, err := os.ReadFile(types)
	if err != nil {
		return nil, err
	}
	all, err := parseSchematron(assertions)
	if err != nil {
		return nil, err
	}
	return invariants(all, parseTypes(typeFacts))
}

// The parts of XML schema that HL7's schema uses.
type (
	schemaFile struct {
		Version string        `xml:"version,attr"`
		Types   []complexType `xml:"complexType"`
		Simple  []simpleType  `xml:"simpleType"`
	}
	complexType struct {
		Name      string     `xml:"name,attr"`
		Extension *extension `xml:"complexContent>extension"`
		Sequence  *sequence  `xml:"sequence"`
		Choice    *choice    `xml:"choice"`
	}
	extension struct {
		Base       string      `xml:"base,attr"`
		Sequence   *sequence   `xml:"sequence"`
		Attributes []attribute `xml:"attribute"`
	}
	attribute struct {
		Name string `xml:"name,attr"`
		Type string `xml:"type,attr"`
	}
	// sequence keeps elements and choices in order.
	sequence struct {
		Particles []particle `xml:",any"`
	}
	particle struct {
		XMLName xml.Name
		element
		Elements []element `xml:"element"`
	}
	choice struct {
		Elements []element `xml:"element"`
	}
	element struct {
		Name string `xml:"name,attr"`
		Ref  string `xml:"ref,attr"`
		Type string `xml:"type,attr"`
		Min  string `xml:"minOccurs,attr"`
		Max  string `xml:"maxOccurs,attr"`
	}
	simpleType struct {
		Name  string  `xml:"name,attr"`
		Codes []value `xml:"restriction>enumeration"`
	}
	value struct {
		Value string `xml:"value,attr"`
	}
)

const header = `# FHIR STU3 (%s): the types of all resources and data types, their elements in
# order, how often each may occur, and the required code lists.
# Facts read from HL7's XML schema fhir-single.xsd by internal/fhir/gen; edit
# nothing here. FHIR (R) is the registered trademark of HL7. The specification
# is published under Creative Commons "No Rights Reserved" (CC0); the schema
# carries "Copyright (c) 2011+, HL7, Inc." and a three-clause BSD licence, whose
# terms (notice, disclaimer, no endorsement) hold for what is taken from it.
#
# type<TAB>name<TAB>base         a type; its lines follow
# <TAB>name type min max         an element; "*" is unbounded
# <TAB>? name:type ... min max   a choice of elements, one of them
# primitive<TAB>name             a type whose value attribute has its form
# codes<TAB>name<TAB>code...     a type whose value is one of these codes
`

func generate(file string) ([]byte, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var s schemaFile
	if err := xml.Unmarshal(source, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	lists := map[string][]value{}
	for _, t := range s.Simple {
		lists[t.Name] = t.Codes
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, header, s.Version)
	for _, t := range s.Types {
		if err := writeType(&out, t, lists); err != nil {
			return nil, fmt.Errorf("type %s: %w", t.Name, err)
		}
	}
	return out.Bytes(), nil
}

func writeType(out *bytes.Buffer, t complexType, lists map[string][]value) error {
	base, seq := "", t.Sequence
	if t.Extension != nil {
		base, seq = t.Extension.Base, t.Extension.Sequence
		for _, a := range t.Extension.Attributes {
			if a.Name == "value" {
				return writePrimitive(out, t.Name, a.Type, lists)
			}
		}
	}
	fmt.Fprintf(out, "type\t%s\t%s\n", t.Name, base)
	if t.Choice != nil {
		writeChoice(out, t.Choice.Elements, "1", "1")
	}
	if seq == nil {
		return nil
	}
	for _, p := range seq.Particles {
		switch p.XMLName.Local {
		case "element":
			name, typ := p.reference()
			fmt.Fprintf(out, "\t%s %s %s %s\n", name, typ, p.Min, maximum(p.Max))
		case "choice":
			writeChoice(out, p.Elements, p.Min, p.Max)
		default:
			return fmt.Errorf("a particle %q, which FHIR schemas did not have", p.XMLName.Local)
		}
	}
	return nil
}

func writePrimitive(out *bytes.Buffer, name, valueType string, lists map[string][]value) error {
	codes := lists[valueType]
	if len(codes) == 0 {
		fmt.Fprintf(out, "primitive\t%s\n", name)
		return nil
	}
	fmt.Fprintf(out, "codes\t%s", name)
	for _, c := range codes {
		if strings.ContainsAny(c.Value, "\t\n") {
			return fmt.Errorf("a code with a tab or line end")
		}
		out.WriteString("\t" + c.Value)
	}
	out.WriteByte('\n')
	return nil
}

func writeChoice(out *bytes.Buffer, elements []element, least, most string) {
	out.WriteString("\t?")
	for _, e := range elements {
		name, typ := e.reference()
		fmt.Fprintf(out, " %s:%s", name, typ)
	}
	fmt.Fprintf(out, " %s %s\n", least, maximum(most))
}

// reference returns name and type. A referenced element is a resource, whose
// name is its type, or the narrative's div.
func (e element) reference() (name, typ string) {
	switch {
	case e.Ref == "xhtml:div":
		return "div", "xhtml"
	case e.Ref != "":
		return e.Ref, e.Ref
	default:
		return e.Name, e.Type
	}
}

func maximum(s string) string {
	if s == "unbounded" {
		return "*"
	}
	return s
}

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"strings"
)

// assertion is an invariant of HL7's Schematron. Its test must hold at every
// element that a context matches.
type assertion struct {
	id, test, text string
	contexts       []string
}

const schematronHeader = `# The invariants of FHIR STU3 (3.0.1) as HL7's Schematron fhir-invariants.sch has
# them, read from it by internal/fhir/gen; edit nothing here. HL7 places the FHIR
# specification under Creative Commons "No Rights Reserved" (CC0). FHIR (R) is the
# registered trademark of HL7.
#
# id<TAB>test<TAB>text   an invariant: XPath 2, with f for FHIR and h for XHTML
# <TAB>context...        where it holds; the prefixes are left out
`

// The parts of Schematron that HL7's file uses.
type schematron struct {
	Rules []struct {
		Context string `xml:"context,attr"`
		Asserts []struct {
			Test string `xml:"test,attr"`
			Text string `xml:",chardata"`
		} `xml:"assert"`
	} `xml:"pattern>rule"`
}

// readSchematron collects the contexts of each invariant, in the file's order.
func readSchematron(file string) ([]assertion, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var s schematron
	if err := xml.Unmarshal(source, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []assertion
	known := map[[2]string]int{}
	for _, r := range s.Rules {
		for _, a := range r.Asserts {
			id, text, found := strings.Cut(strings.Join(strings.Fields(a.Text), " "), ": ")
			if !found {
				return nil, fmt.Errorf("%s: an assertion without an id: %q", file, a.Text)
			}
			key := [2]string{id, strings.Join(strings.Fields(a.Test), " ")}
			at, seen := known[key]
			if !seen {
				at = len(all)
				known[key] = at
				all = append(all, assertion{id: id, test: key[1], text: text})
			}
			all[at].contexts = append(all[at].contexts, withoutPrefixes(r.Context))
		}
	}
	return all, nil
}

var prefixes = strings.NewReplacer("f:", "", "h:", "")

func withoutPrefixes(context string) string { return prefixes.Replace(context) }

// writeSchematron writes the contexts of one resource in one line.
func writeSchematron(all []assertion) []byte {
	var out bytes.Buffer
	out.WriteString(schematronHeader)
	for _, a := range all {
		fmt.Fprintf(&out, "%s\t%s\t%s", a.id, a.test, a.text)
		last := ""
		for _, c := range a.contexts {
			if resource, _, _ := strings.Cut(c, "/"); resource != last {
				out.WriteByte('\n')
				last = resource
			}
			out.WriteString("\t" + c)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// parseSchematron reads what writeSchematron wrote.
func parseSchematron(facts []byte) ([]assertion, error) {
	var all []assertion
	for line := range strings.Lines(string(facts)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case fields[0] == "" && len(all) > 0:
			last := &all[len(all)-1]
			last.contexts = append(last.contexts, fields[1:]...)
		case len(fields) == 3:
			all = append(all, assertion{id: fields[0], test: fields[1], text: fields[2]})
		default:
			return nil, fmt.Errorf("neither an invariant nor its contexts: %.80q", line)
		}
	}
	return all, nil
}

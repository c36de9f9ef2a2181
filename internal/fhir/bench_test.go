package fhir

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ownMessage is an event message of synthetic data. It resembles the official
// vaccination message in size (11.4 KB) and structure.
func ownMessage() []byte {
	const entry = `	<entry>
		<fullUrl value="urn:uuid:00000000-0000-4000-8000-%012d"/>
		<resource>
			<Immunization>
				<id value="00000000-0000-4000-8000-%012d"/>
				<meta>
					<profile value="https://example.org/STU3/StructureDefinition/Immunization-1"/>
				</meta>
				<extension url="https://example.org/STU3/StructureDefinition/Extension-Procedure-1">
					<valueCodeableConcept>
						<coding>
							<system value="http://snomed.info/sct"/>
							<code value="170433008"/>
							<display value="An invented procedure of some length (procedure)"/>
						</coding>
					</valueCodeableConcept>
				</extension>
				<identifier>
					<system value="https://example.org/identifiers"/>
					<value value="abc%d"/>
				</identifier>
				<status value="completed"/>
				<notGiven value="false"/>
				<vaccineCode>
					<coding>
						<system value="http://snomed.info/sct"/>
						<code value="34925411000001109"/>
						<display value="An invented vaccine"/>
					</coding>
				</vaccineCode>
				<patient>
					<reference value="urn:uuid:00000000-0000-4000-8000-000000000001"/>
				</patient>
				<date value="2017-02-14T12:00:00+00:00"/>
				<primarySource value="true"/>
			</Immunization>
		</resource>
	</entry>
`
	var b strings.Builder
	b.WriteString("<Bundle xmlns=\"http://hl7.org/fhir\">\n\t<id value=\"m1\"/>\n\t<type value=\"message\"/>\n")
	for i := range 9 {
		fmt.Fprintf(&b, entry, i, i, i)
	}
	b.WriteString("</Bundle>\n")
	return []byte(b.String())
}

func officialVaccination(b *testing.B) []byte {
	b.Helper()
	source, err := os.ReadFile(filepath.Join(official, "vaccinations-1-new.xml"))
	if err != nil {
		b.Fatal(err)
	}
	return source
}

func benchmarkParse(b *testing.B, source []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(source)))
	for b.Loop() {
		if _, findings, err := ParseXML(source); err != nil || len(findings) > 0 {
			b.Fatal(err, findings)
		}
	}
}

// The target for messages of this size: below 25 microseconds and 20
// allocations.
func BenchmarkParseOwnMessage(b *testing.B) { benchmarkParse(b, ownMessage()) }

func BenchmarkParseOfficialVaccination(b *testing.B) { benchmarkParse(b, officialVaccination(b)) }

// Measures libxml2 with HL7's schema on the official message: the time for many
// copies in one run of xmllint, minus the time for one copy, in which the
// schema is loaded.
func BenchmarkXMLLintOfficialVaccination(b *testing.B) {
	file := filepath.Join(b.TempDir(), "message.xml")
	if err := os.WriteFile(file, officialVaccination(b), 0o600); err != nil {
		b.Fatal(err)
	}
	x := findXMLLint(b)
	run := func(copies int) time.Duration {
		args := append([]string{"--noout", "--schema", x.schema}, slices.Repeat([]string{file}, copies)...)
		start := time.Now()
		if output, err := exec.Command(x.program, args...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%.300s", err, output)
		}
		return time.Since(start)
	}
	const copies = 500
	var spent time.Duration
	rounds := 0
	for b.Loop() {
		spent += run(copies+1) - run(1)
		rounds++
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(rounds*copies), "ns/message")
}

func BenchmarkXMLToJSON(b *testing.B) {
	doc, _, err := ParseXML(ownMessage())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := XMLToJSON(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSONToXML(b *testing.B) {
	doc, _, err := ParseXML(ownMessage())
	if err != nil {
		b.Fatal(err)
	}
	text, err := XMLToJSON(doc)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, findings, err := JSONToXML(text); err != nil || len(findings) > 0 {
			b.Fatal(err, findings)
		}
	}
}

// Measures the cost of the first use.
func BenchmarkLoadFacts(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := loadFacts(stu3); err != nil {
			b.Fatal(err)
		}
	}
}

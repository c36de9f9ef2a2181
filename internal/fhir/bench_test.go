package fhir

import (
	"os"
	"path/filepath"
	"testing"
)

func benchmarkParse(b *testing.B, source []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(source)))
	for b.Loop() {
		if _, findings, err := ParseXML(source); err != nil || len(findings) > 0 {
			b.Fatal(err, findings)
		}
	}
}

// The official vaccination message of 11.4 KB: below 25 microseconds and 20
// allocations.
func BenchmarkParseOfficialVaccination(b *testing.B) {
	source, err := os.ReadFile(filepath.Join(sharedFolder(b, "spec-examples"), "vaccinations-1-new.xml"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkParse(b, source)
}

func BenchmarkLoadFacts(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := loadFacts(stu3); err != nil {
			b.Fatal(err)
		}
	}
}

package catalogue

import (
	"os"
	"testing"

	"nems/internal/fhir"
)

// official is the message that these benchmarks measure: 11.4 KB.
const official = "../../testdata/official/vaccinations-1-new.xml"

func officialMessage(b *testing.B) []byte {
	src, err := os.ReadFile(official)
	if err != nil {
		b.Fatal(err)
	}
	return src
}

// BenchmarkJudge measures the rules alone, including warnings with their paths.
func BenchmarkJudge(b *testing.B) {
	src := officialMessage(b)
	doc, _, err := fhir.ParseXML(src)
	if err != nil {
		b.Fatal(err)
	}
	t := embeddedType(b, "vaccinations-1")
	b.ReportAllocs()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if len(t.Judge(doc, Standard).Errors()) > 0 {
			b.Fatal("the official example has errors")
		}
	}
}

// BenchmarkWholeJudgement measures structure and rules together, as publishing checks them.
func BenchmarkWholeJudgement(b *testing.B) {
	src := officialMessage(b)
	t := embeddedType(b, "vaccinations-1")
	b.ReportAllocs()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		doc, findings, err := fhir.ParseXML(src)
		if err != nil || len(findings) > 0 || len(t.Judge(doc, Standard).Errors()) > 0 {
			b.Fatal("the official example has errors")
		}
	}
}

// BenchmarkLoad measures what the catalogue costs at start.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(""); err != nil {
			b.Fatal(err)
		}
	}
}

func embeddedType(t testing.TB, code string) *EventType {
	t.Helper()
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	found, ok := c.Type(code)
	if !ok {
		t.Fatalf("no event type %s", code)
	}
	return found
}

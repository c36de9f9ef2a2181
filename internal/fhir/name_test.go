package fhir

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNameIDs(t *testing.T) {
	doc, _, err := ParseXML([]byte(`<Patient xmlns="http://hl7.org/fhir"><extension url="urn:a&amp;b"><valueCode value="x"/></extension><deceasedBoolean value="true"/><birthDate value="2000-01-01"/></Patient>`))
	if err != nil {
		t.Fatal(err)
	}
	patient := doc.Root()
	if ids := NameIDs("birthDate"); len(ids) != 1 || ids[0] != patient.Child("birthDate").NameID() {
		t.Errorf("birthDate is %v; the element has %d", ids, patient.Child("birthDate").NameID())
	}
	choice := NameIDs("deceased[x]")
	if !slices.Contains(choice, patient.Child("deceasedBoolean").NameID()) || slices.Contains(choice, patient.Child("birthDate").NameID()) {
		t.Errorf("deceased[x] is %v; the element has %d", choice, patient.Child("deceasedBoolean").NameID())
	}
	if ids := NameIDs("nonsense"); len(ids) != 0 {
		t.Errorf("nonsense is %v; expected nothing", ids)
	}
	if (Node{}).NameID() != 0 {
		t.Error("an absent element has a name")
	}
}

func TestEqualURL(t *testing.T) {
	doc, _, err := ParseXML([]byte(`<Patient xmlns="http://hl7.org/fhir"><extension url="urn:a&amp;b"><valueCode value="x"/></extension></Patient>`))
	if err != nil {
		t.Fatal(err)
	}
	extension := doc.Root().Child("extension")
	if !extension.EqualURL("urn:a&b") || extension.EqualURL("urn:a") || string(extension.URLBytes()) != "urn:a&b" {
		t.Errorf("the url is %q", extension.URLBytes())
	}
	if value := extension.Child("valueCode"); value.EqualURL("x") || value.URLBytes() != nil {
		t.Error("what is no extension has a url")
	}
}

// TestEqualValueReadsAsXMLDoes: EqualValue agrees with Value, however the value
// is written.
func TestEqualValueReadsAsXMLDoes(t *testing.T) {
	for _, written := range []string{"male", "&#109;ale", "mal&#x65;", "males", "m", "ma\tle", "ma le", "", "male&quot;", "fmale"} {
		doc, _, err := ParseXML([]byte(`<Patient xmlns="http://hl7.org/fhir"><name><text value="` + written + `"/></name></Patient>`))
		if err != nil {
			t.Fatal(err)
		}
		n := doc.Root().At("name", "text")
		for _, s := range []string{"male", "males", "m", "ma le", "", `male"`, "emale"} {
			if n.EqualValue(s) != (n.HasValue() && n.Value() == s) {
				t.Errorf("%q written as %q: EqualValue(%q) is %v", n.Value(), written, s, n.EqualValue(s))
			}
		}
	}
}

// TestPlainBytes compares the check of eight bytes at once with a check of single bytes.
func TestPlainBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var b [8]byte
		for i := range b {
			b[i] = byte(random.IntN(256))
			if random.IntN(3) > 0 {
				b[i] = "az &%'\x1f\x7f\x80\xa6\xff!"[random.IntN(11)]
			}
		}
		want := true
		for _, c := range b {
			want = want && c != '&' && c >= ' '
		}
		if got := isPlain(binary.LittleEndian.Uint64(b[:])); got != want {
			t.Fatalf("%q: %v; expected %v", b, got, want)
		}
	}
}

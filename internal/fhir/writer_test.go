package fhir

import (
	"testing"

	"pgregory.net/rapid"
)

func TestWriter(t *testing.T) {
	w := NewWriter("Patient")
	w.Open("contained").Raw([]byte(`<Organization><id value="o"/></Organization>`)).Close()
	w.OpenAttr("extension", "url", "http://x?a&b").Value("valueString", `<"quoted">`).Close()
	w.Open("name").Attr("id", "n1").Value("family", "F").Value("given", "").Attr("late", "x").Close()
	w.Open("photo").Open("title").Attr("value", "t")
	want := `<Patient xmlns="http://hl7.org/fhir"><contained><Organization><id value="o"/></Organization></contained>` +
		`<extension url="http://x?a&amp;b"><valueString value="&lt;&quot;quoted&quot;&gt;"/></extension>` +
		`<name id="n1"><family value="F"/></name><photo><title value="t"/></photo></Patient>`
	got := w.Bytes()
	if string(got) != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if _, findings, err := ParseXML(got); err != nil || len(structural(findings)) > 0 {
		t.Error(err, findings)
	}
	if w.Close(); string(w.Bytes()) != want {
		t.Error("closing once more changes something")
	}
}

// A value is read as it was written, whatever it contains.
func TestWriterEscapes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune("<>&\"'\t\n\r ]\ud7ff\ue000\ufffd\U0010ffff;#")), rapid.Rune()), 1, 40, -1).
			Filter(func(s string) bool {
				for _, r := range s {
					if !isChar(r) {
						return false
					}
				}
				return true
			}).Draw(t, "value")
		source := NewWriter("Basic").Open("code").Value("text", value).Bytes()
		doc, _, err := ParseXML(source)
		if err != nil {
			t.Fatalf("%v\n%s", err, source)
		}
		if got := doc.Root().At("code", "text").Value(); got != value {
			t.Fatalf("wrote %q, read %q", value, got)
		}
	})
}

// XML cannot hold every character; the others are replaced.
func TestWriterReplaces(t *testing.T) {
	source := NewWriter("Basic").Open("code").Value("text", "a\x00b\ufffec\xff").Bytes()
	doc, _, err := ParseXML(source)
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.Root().At("code", "text").Value(); got != "a\ufffdb\ufffdc\ufffd" {
		t.Errorf("read %q", got)
	}
}

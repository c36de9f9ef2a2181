package console

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

func TestLaidOut(t *testing.T) {
	const blank = " \t "
	for in, want := range map[string]string{
		`<a><b value="x > y"/><c>text</c></a>`: "<a>\n  <b value=\"x > y\"/>\n  <c>\n    text\n  </c>\n</a>\n",
		`<a><!-- <b> --><![CDATA[<c>]]></a>`:   "<a>\n  <!-- <b> -->\n  <![CDATA[<c>]]>\n</a>\n",
		`</a></a><`:                            "</a>\n</a>\n<\n",
		`<a b="`:                               "<a b=\"\n",
		`<>x`:                                  "<>\n  x\n",
	} {
		got, done := laidOut([]byte(in + strings.Repeat(blank, longLines)))
		if !done || string(got) != want {
			t.Errorf("%s: expected %q; received %q", in, want, got)
		}
	}
	if got, done := laidOut([]byte("<a>\n<b/>\n</a>")); done || string(got) != "<a>\n<b/>\n</a>" {
		t.Errorf("lines of its own: received %q", got)
	}
}

// Every official message is still the same message when it was one line.
func TestLayoutKeepsTheMessage(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile("../../testdata/official/vaccinations-1-new.xml")
	if err != nil {
		t.Fatal(err)
	}
	one := bytes.ReplaceAll(bytes.ReplaceAll(whole, []byte("\t"), nil), []byte("\n"), nil)
	view, other := newMessageView(types, one, ""), newMessageView(types, whole, "")
	if !view.Laid || other.Laid || len(view.People.Parts) != len(other.People.Parts) || len(view.Findings) != len(other.Findings) || len(view.Lines) < 200 {
		t.Errorf("received %d parts, %d findings, %d lines", len(view.People.Parts), len(view.Findings), len(view.Lines))
	}
}

// A message of 3 MB in one line costs what it is long, and shows a page that people
// can still read.
func TestLargeMessageIsCut(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	message, err := example.Sized("vaccinations-1", "new", 3_000_000)
	if err != nil {
		t.Fatal(err)
	}
	var view messageView
	steps := fhir.CountWork(func() { view = newMessageView(types, message, catalogue.Strict) })
	size := 0
	for _, l := range view.Lines {
		size += len(l.Text)
	}
	if !view.Cut || len(view.Lines) != mostLines || size > 1_000_000 || steps > int64(20*len(message)) {
		t.Errorf("received %d lines with %d bytes, in %d steps", len(view.Lines), size, steps)
	}
	long := newMessageView(types, append([]byte("\n\n<a b='"), bytes.Repeat([]byte("é"), 100_000)...), "")
	if last := long.Lines[len(long.Lines)-1].Text; len(last) > mostLine+10 || !strings.HasSuffix(last, " …") {
		t.Errorf("a long line has %d bytes", len(last))
	}
}

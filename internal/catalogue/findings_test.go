package catalogue_test

import (
	"bytes"
	"os"
	"testing"

	"nems/internal/catalogue"
)

// Schema, facts, rules and what is no event at all are reported together, at their lines.
func TestFindingsOfBytes(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile("../../testdata/official/vaccinations-1-new.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		raw      []byte
		level    catalogue.Level
		rule     string
		line     int
		readable bool
	}{
		{"not XML", []byte("<Bundle>\n<entry"), catalogue.Standard, "xml-end", 2, false},
		{"unknown event", bytes.Replace(good, []byte(`"vaccinations-1"`), []byte(`"none-1"`), 1), catalogue.Standard, "message-event-known", 45, true},
		{"unknown event at schema", bytes.Replace(good, []byte(`"vaccinations-1"`), []byte(`"none-1"`), 1), catalogue.Schema, "", 0, true},
		{"good", good, catalogue.Standard, "", 0, true},
	} {
		doc, found := types.Findings(test.raw, test.level)
		if (doc != nil) != test.readable {
			t.Errorf("%s: readable: expected %t", test.name, test.readable)
		}
		if test.rule == "" {
			for _, f := range found {
				if f.Refuses() {
					t.Errorf("%s: %s at %d", test.name, f.Rule, f.Line)
				}
			}
			continue
		}
		if len(found) == 0 || found[0].Rule != test.rule || found[0].Line != test.line {
			t.Errorf("%s: expected %s at line %d; received %+v", test.name, test.rule, test.line, found)
		}
	}
}

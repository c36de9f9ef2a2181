package catalogue_test

import (
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

// TestCodesOfSNOMED: a coding without a code is refused, and so is a code made of words.
func TestCodesOfSNOMED(t *testing.T) {
	message, err := example.Message("vaccinations-1", "new", example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	const code = `<code value="308081000000105"/>`
	if !strings.Contains(string(message), code) {
		t.Fatal("the example has another procedure")
	}
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	vaccinations, _ := types.Type("vaccinations-1")
	for replaced, want := range map[string]string{
		code: "", `<code value="308081000000105:246075003=871831003"/>`: "", `<code value="308081000000105 |Measles|"/>`: "",
		"": "error snomed-code", `<code value="measles"/>`: "error snomed-code", `<code value="12345"/>`: "error snomed-code",
		`<code value="0308081000000105"/>`: "error snomed-code", `<code value="308081000000105a"/>`: "error snomed-code",
		`<code value="1234567890123456789"/>`: "error snomed-code",
	} {
		doc, _, err := fhir.ParseXML([]byte(strings.Replace(string(message), code, replaced, 1)))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range vaccinations.Judge(doc, catalogue.Standard).Findings {
			if strings.HasPrefix(f.Rule, "snomed-") {
				got = string(f.Severity) + " " + f.Rule
			}
		}
		if got != want {
			t.Errorf("%s: expected %q, got %q", replaced, want, got)
		}
	}
}

package directory_test

import (
	"errors"
	"strings"
	"testing"

	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
)

// Published files of organisations do not list local authorities, nor the ICB
// sub-locations together with the practices. Still, a subscription may name an
// area as soon as a postcode or a practice lies in it.
func TestAreasBecomeKnown(t *testing.T) {
	w, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, file := range []struct {
		kind directory.Kind
		data string
	}{
		{directory.KindPostcodes, "pcds,oslaua,ctry,ccg\nYO1 7HH,E06000014,E92000001,42D\nLS1 4AQ,E08000035,E92000001,15F\nYO1 7HJ,E06000014,E92000001,E38000188\n"},
		{directory.KindOrganisations, "code,name,sub_icb\nC81001,SURGERY,15M\n"},
	} {
		summary, err := directory.Import(ctx, file.kind, strings.NewReader(file.data), w, nil)
		if err != nil || summary.Bad != 0 || summary.Rows != strings.Count(file.data, "\n")-1 {
			t.Fatalf("%s: %+v, %v", file.kind, summary, err)
		}
	}
	for code, name := range map[nhs.ODSCode]string{
		"E06000014": "", "42D": "", "15M": "", "C81001": "SURGERY",
		"15F": "DEV ICB SUB-LOCATION LEEDS", "E08000035": "DEV LOCAL AUTHORITY LEEDS", // unchanged
	} {
		if got, err := w.Organisation(ctx, code); err != nil || got.Name != name || got.Code != code {
			t.Errorf("%s is %+v, %v", code, got, err)
		}
	}
	if _, err := w.Organisation(ctx, "E38000188"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("an ONS code for an ICB sub-location: %v", err)
	}
}

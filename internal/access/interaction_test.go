package access

import (
	"strings"
	"testing"

	"nems/internal/refuse"
)

func TestInteractionFitsEvent(t *testing.T) {
	for _, row := range []struct {
		id, code, name string
		fits           bool
	}{
		{"Vaccinations", "vaccinations-1", "Vaccinations", true},
		{"vaccinations-1", "vaccinations-1", "Vaccinations", true},
		{"pds-change-of-gp-1", "pds-change-of-gp-1", "", true},
		{"vaccinations", "vaccinations-1", "Vaccinations", false},
		{"Newbornhearing", "vaccinations-1", "Vaccinations", false},
		{"N-A", "pds-change-of-gp-1", "", false},
	} {
		i, ok := ParseInteraction(PublishInteraction(row.id))
		if !ok || i.Kind != Publish || i.Event != row.id {
			t.Fatalf("%q: %+v", row.id, i)
		}
		refusal := i.CheckEvent(row.code, row.name)
		if (refusal == nil) != row.fits {
			t.Errorf("%+v: %v", row, refusal)
		}
		if refusal != nil && (refusal.Code() != refuse.MissingOrInvalidHeaderCode || !strings.Contains(refusal.Issues[0].Diagnostics, ".Write, to fit MessageHeader.event")) {
			t.Errorf("%+v: %v", row, refusal)
		}
		if unknown := i.UnknownEvent("tea-1"); unknown.Code() != refuse.MissingOrInvalidHeaderCode || !strings.Contains(unknown.Issues[0].Diagnostics, `"tea-1"`) {
			t.Errorf("unknown event: %v", unknown)
		}
	}
}

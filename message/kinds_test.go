package message_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/message"
)

// A kind is a method, so that one which the event's page does not allow does not compile.
func TestKindsAreThoseOfThePages(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]any{
		"pds-change-of-gp-1": message.ChangeOfGP{}, "pds-change-of-address-1": message.ChangeOfAddress{}, "pds-death-notification-1": message.Death{},
		"pds-record-change-1": message.RecordChange{}, "pds-birth-notification-1": message.Birth{}, "vaccinations-1": message.Vaccination{},
		"professional-contacts-1": message.ProfessionalContact{}, "blood-spot-test-outcome-1": message.BloodSpot{},
		"newborn-hearing-1": message.NewbornHearing{}, "nipe-outcome-1": message.NIPE{},
	}
	for _, e := range types.Types() {
		of := reflect.TypeOf(written[e.Code])
		if of == nil {
			t.Errorf("%s: there is no type", e.Code)
			continue
		}
		var kinds []string
		for _, kind := range []string{"New", "Update", "Delete"} {
			if _, has := of.MethodByName(kind); has {
				kinds = append(kinds, strings.ToLower(kind))
			}
		}
		if _, has := of.MethodByName("XML"); has {
			kinds = append(kinds, "new") // the only kind of demographics
		}
		if !slices.Equal(kinds, e.Kinds) {
			t.Errorf("%s: the methods make %q; the page allows %q", e.Code, kinds, e.Kinds)
		}
	}
}

func BenchmarkChangeOfGP(b *testing.B) {
	g := message.ChangeOfGP{
		Header: message.Header{Timestamp: epoch}, Patient: example(), Practice: &message.Organisation{ODS: "B86056", Name: "NEW"},
		Previous: &message.Registration{Practice: message.Organisation{ODS: "B85612", Name: "OLD"}, Start: "2020-01-01"},
	}
	for b.Loop() {
		if _, err := g.XML(); err != nil {
			b.Fatal(err)
		}
	}
}

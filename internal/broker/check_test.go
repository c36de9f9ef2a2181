package broker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/catalogue/example"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// TestCheckIsWhatPublishingDoes: a message that is only checked has the same facts, or
// the same refusal, as one that is published; and nothing is kept of it.
func TestCheckIsWhatPublishingDoes(t *testing.T) {
	const sensitive, unknown = "9990000026", "9990000018"
	fx := newFixture(t)
	for name, c := range map[string]struct {
		asid    nhs.ASID
		code    string
		message []byte
	}{
		"a vaccination":      {publisher, vaccinations, fx.message(vaccinations, "")},
		"a change of GP":     {demographics, changeOfGP, fx.messageAbout(changeOfGP, example.Patient{Practice: newPractice})},
		"a flagged patient":  {publisher, vaccinations, fx.message(vaccinations, sensitive)},
		"an unknown patient": {publisher, vaccinations, fx.message(vaccinations, unknown)},
		"another birth date": {publisher, vaccinations, fx.messageAbout(vaccinations, example.Patient{BirthDate: "1950-01-01"})},
		"no NHS number":      {publisher, vaccinations, []byte(strings.ReplaceAll(string(fx.message(vaccinations, "")), jack, "1234567890"))},
		"no event type":      {publisher, vaccinations, []byte(strings.ReplaceAll(string(fx.message(vaccinations, "")), vaccinations, "none-1"))},
		"no Bundle":          {publisher, vaccinations, []byte(`<Patient xmlns="http://hl7.org/fhir"/>`)},
		"no XML":             {publisher, vaccinations, []byte("<")},
	} {
		t.Run(name, func(t *testing.T) {
			fx.journal.accepted = store.Acceptance{}
			checked, err := fx.Check(t.Context(), c.message)
			if fx.journal.accepted.Event != 0 || len(fx.journal.routed) > 0 {
				t.Fatal("checking has stored something")
			}
			published := fx.publishAs(c.asid, c.code, c.message)
			var got, want *refuse.Refusal
			if errors.As(err, &got) != errors.As(published, &want) || got != nil && name != "no event type" && got.Error() != want.Error() {
				t.Fatalf("checked: %v; published: %v", err, published)
			}
			if err != nil {
				return
			}
			a := fx.journal.accepted
			facts := checked.Facts
			facts.At = a.Facts.At // of the acceptance
			if diff := cmp.Diff(a.Facts, facts); diff != "" || checked.EventType != a.Code || checked.Kind != a.Kind || checked.MessageID != a.MessageID ||
				checked.Patient != a.Patient || checked.Withheld != a.Withheld || checked.Deferred != a.Deferred {
				t.Errorf("checked %+v (-published +checked):\n%s", checked, diff)
			}
		})
	}
	fx.patients.SetAway(true)
	message := fx.message(vaccinations, other)
	checked, err := fx.Check(t.Context(), message)
	if published := fx.publishAs(publisher, vaccinations, message); err != nil || published != nil || !checked.Deferred || !fx.journal.accepted.Deferred {
		t.Errorf("the directory is away: checked %t, %v; published %t, %v", checked.Deferred, err, fx.journal.accepted.Deferred, published)
	}
	if kept := (subscription.Facts{}); checked.Facts.BirthDate != kept.BirthDate {
		t.Error("the directory is away, and the birth date is known")
	}
}

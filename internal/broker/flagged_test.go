package broker_test

import (
	"errors"
	"strings"
	"testing"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store"
)

// TestFlagged: the stored patient is looked up. Only if an earlier version
// stored none, the patient in the message is.
func TestFlagged(t *testing.T) {
	fx := newFixture(t)
	const jack, sensitive, invalid, unknown = "9912003888", "9990000026", "9990000034", "9990000018"
	number := func(digits string) *nhs.NHSNumber {
		n, err := nhs.ParseNHSNumber(digits)
		if err != nil {
			t.Fatal(err)
		}
		return &n
	}
	about := func(digits string) []byte { return fx.message(vaccinations, digits) }
	nobody := []byte(strings.ReplaceAll(string(about(jack)), jack, "1"))
	for name, c := range map[string]struct {
		event store.Event
		want  bool
	}{
		"sensitive":                       {store.Event{Patient: number(sensitive)}, true},
		"invalid":                         {store.Event{Patient: number(invalid)}, true},
		"not flagged":                     {store.Event{Patient: number(jack)}, false},
		"not in the directory":            {store.Event{Patient: number(unknown)}, false},
		"stored, whatever the message":    {store.Event{Patient: number(jack), Message: about(sensitive)}, false},
		"about nobody":                    {store.Event{Patient: new(nhs.NHSNumber), Message: about(sensitive)}, false},
		"not stored: the message's":       {store.Event{Message: about(sensitive)}, true},
		"not stored: no flag":             {store.Event{Message: about(jack)}, false},
		"not stored: no number":           {store.Event{Message: nobody}, false},
		"not stored: nothing can be read": {store.Event{Message: []byte("<")}, false},
	} {
		if got, err := fx.Flagged(t.Context(), c.event); got != c.want || err != nil {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
	fx.patients.SetAway(true)
	fx.patients.Forget(*number(sensitive))
	if _, err := fx.Flagged(t.Context(), store.Event{Patient: number(sensitive)}); !errors.Is(err, directory.ErrAway) {
		t.Errorf("expected %v; received %v", directory.ErrAway, err)
	}
}

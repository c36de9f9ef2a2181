package broker_test

import (
	"errors"
	"slices"
	"testing"

	"nems/internal/catalogue/example"
	"nems/internal/directory"
	"nems/internal/store"
	"nems/internal/subscription"
)

// A patient whose record cannot be had does not hold up the others. A directory
// that returns no record is not asked for all of them.
func TestRouteDeferredWhileSomeAreAway(t *testing.T) {
	for name, c := range map[string]struct {
		waiting string // for each event: is the patient's record unreachable, or available?
		routed  int
		err     error
	}{
		"nothing":             {"", 0, nil},
		"some away":           {"aaaaaaaaataaaaaaaaat", 2, nil},
		"nine away":           {"taaaaaaaaa", 1, nil},
		"ten away":            {"taaaaaaaaaat", 1, directory.ErrAway},
		"ten away, the first": {"aaaaaaaaaat", 0, directory.ErrAway},
	} {
		t.Run(name, func(t *testing.T) {
			fx := newFixture(t)
			fx.patients.away[number(t, jack)] = true
			patients := map[rune][]byte{'a': fx.message(vaccinations, jack), 't': fx.message(vaccinations, other)}
			for i, away := range c.waiting {
				fx.journal.waiting[store.EventID(i+1)] = patients[away]
			}
			routed, err := fx.RouteDeferred(t.Context())
			if routed != c.routed || !errors.Is(err, c.err) || err != nil && c.err == nil || len(fx.journal.routed) != routed {
				t.Errorf("expected %d, %v; got %d (%v), %v", c.routed, c.err, routed, fx.journal.routed, err)
			}
		})
	}
}

// A change that waited for PDS is routed by what it carries, even though PDS
// still shows the old record when it is back.
func TestDeferredChangeIsNewerThanTheRecord(t *testing.T) {
	fx := newFixture(t)
	fx.journal.waiting[1] = fx.messageAbout(changeOfGP, example.Patient{Practice: newPractice})
	if routed, err := fx.RouteDeferred(t.Context()); err != nil || routed != 1 {
		t.Fatalf("routed %d, %v", routed, err)
	}
	if key := (subscription.RouteKey{Kind: subscription.ByPractice, Value: newPractice}); !slices.Contains(fx.journal.facts.Keys, key) {
		t.Errorf("expected practice %s among the keys, got %v", newPractice, fx.journal.facts.Keys)
	}
}

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

// A patient whose record cannot be had does not hold up the others; a directory
// that gives none is not asked for all of them.
func TestRouteDeferredWhileSomeAreAway(t *testing.T) {
	for name, c := range map[string]struct {
		waiting string // of each event: is the patient's record away, or there?
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
			w := newWorld(t)
			w.patients.away[number(t, jack)] = true
			patients := map[rune][]byte{'a': w.message(vaccinations, jack), 't': w.message(vaccinations, other)}
			for i, away := range c.waiting {
				w.journal.waiting[store.EventID(i+1)] = patients[away]
			}
			routed, err := w.RouteDeferred(t.Context())
			if routed != c.routed || !errors.Is(err, c.err) || err != nil && c.err == nil || len(w.journal.routed) != routed {
				t.Errorf("expected %d, %v; got %d (%v), %v", c.routed, c.err, routed, w.journal.routed, err)
			}
		})
	}
}

// A change that waited for PDS is routed by what it carries, though PDS, back
// again, shows the old record still.
func TestDeferredChangeIsNewerThanTheRecord(t *testing.T) {
	w := newWorld(t)
	w.journal.waiting[1] = w.messageAbout(changeOfGP, example.Patient{Practice: newPractice})
	if routed, err := w.RouteDeferred(t.Context()); err != nil || routed != 1 {
		t.Fatalf("routed %d, %v", routed, err)
	}
	if key := (subscription.RouteKey{Kind: subscription.ByPractice, Value: newPractice}); !slices.Contains(w.journal.facts.Keys, key) {
		t.Errorf("expected practice %s among the keys, got %v", newPractice, w.journal.facts.Keys)
	}
}

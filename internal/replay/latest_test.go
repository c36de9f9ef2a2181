package replay

import (
	"testing"
	"time"

	"nems/internal/store"
)

// The newest version of a thing is kept, in whichever order they come.
func TestCompareVersions(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for name, pair := range map[string][2]version{ // the older one first
		"by the moment of the change": {{event: 2, at: at, number: 9}, {event: 1, at: at.Add(time.Second), number: 1}},
		"by number":                   {{event: 2, at: at, number: 1}, {event: 1, at: at, number: 2}},
		"a withdrawal last":           {{event: 2, at: at, rank: 1}, {event: 1, at: at, rank: 2}},
		"by acceptance":               {{event: 1}, {event: 2}},
	} {
		if pair[0].compare(pair[1]) >= 0 || pair[1].compare(pair[0]) <= 0 {
			t.Errorf("%s: %+v", name, pair)
		}
	}
}

// What cannot be read is kept: nobody knows what it corrects.
func TestUnreadableIsKept(t *testing.T) {
	l := newLatest()
	for id := range store.EventID(3) {
		if err := l.add(id, []byte("<Bundle")); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.keep) != 3 {
		t.Errorf("kept: %v", l.keep)
	}
}

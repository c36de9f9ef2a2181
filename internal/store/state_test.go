package store

import (
	"slices"
	"testing"
)

func TestStates(t *testing.T) {
	const trackable = "uploading accepted acknowledged undeliverable"
	var tracked string
	for _, s := range append([]State{Uploading}, DeliveryStates...) {
		got, err := ParseState(s.MESHStatus())
		if err != nil || got != s {
			t.Errorf("%s came back as %q, %v", s, got, err)
		}
		if s.Trackable() {
			tracked += " " + s.MESHStatus()
		}
	}
	if tracked != " "+trackable {
		t.Errorf("MESH has%s, expected %s", tracked, trackable)
	}
	for _, text := range []string{"", "waiting", "Accepted", "accepted ", "lost"} {
		if got, err := ParseState(text); err == nil {
			t.Errorf("%q was read as %q", text, got)
		}
	}
}

// TestMovesAreBetweenStatesOfDeliveries checks that an operator's moves are
// between states that a delivery can have, and that no move starts from the
// state it ends in: otherwise a second attempt would not be refused.
func TestMovesAreBetweenStatesOfDeliveries(t *testing.T) {
	for _, m := range []Move{Retry, Park, Resend} {
		for _, s := range append([]State{m.To}, m.From...) {
			if !slices.Contains(DeliveryStates, s) {
				t.Errorf("%+v: %s is no state of a delivery", m, s)
			}
		}
		if len(m.From) == 0 || m.Takes(m.To) {
			t.Errorf("%+v", m)
		}
	}
}

package store

import (
	"testing"

	"nems/internal/mesh"
)

// TestNotRegisteredIsMESHsAnswer checks that people who look at a parked copy see
// what a MESH would have answered.
func TestNotRegisteredIsMESHsAnswer(t *testing.T) {
	want := fault{ErrorCode: mesh.NotRegistered.Code, ErrorEvent: mesh.NotRegistered.Event, ErrorText: mesh.NotRegistered.Description}
	if notRegistered != want {
		t.Errorf("expected %+v; received %+v", want, notRegistered)
	}
}

package store

import (
	"testing"

	"nems/internal/mesh"
)

// TestNotRegisteredIsMESHsAnswer: whoever looks at a parked copy sees what a MESH
// would have answered.
func TestNotRegisteredIsMESHsAnswer(t *testing.T) {
	want := fault{ErrorCode: mesh.NotRegistered.Code, ErrorEvent: mesh.NotRegistered.Event, ErrorText: mesh.NotRegistered.Description}
	if notRegistered != want {
		t.Errorf("expected %+v; received %+v", want, notRegistered)
	}
}

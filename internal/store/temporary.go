package store

import (
	"context"
	"errors"

	"nems/internal/directory"
)

// temporary are the errors that another attempt may get over: the store is
// busy, closing, or has not said what became of a commit, the patient directory
// is away, or the request's own time is over.
var temporary = []error{ErrBusy, ErrUnknown, ErrClosed, directory.ErrAway, context.Canceled, context.DeadlineExceeded}

// Temporary tells whether whoever asked may simply ask again. Each of the doors
// (FHIR, MESH, operators) answers such an error with its form of 503. After
// ErrUnknown the change may have been stored.
func Temporary(err error) bool {
	for _, t := range temporary {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

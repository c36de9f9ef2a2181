package store

import (
	"context"
	"errors"

	"nems/internal/directory"
)

// temporary are the errors that another attempt may not meet: the store is busy
// or closing, the outcome of a commit is not known, the patient directory
// cannot be reached, or the request's own time is over.
var temporary = []error{ErrBusy, ErrUnknown, ErrClosed, directory.ErrAway, context.Canceled, context.DeadlineExceeded}

// Temporary reports whether the caller can simply ask again. Each of the APIs
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

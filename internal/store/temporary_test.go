package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"nems/internal/directory"
	"nems/internal/store"
)

func TestTemporary(t *testing.T) {
	for _, err := range []error{store.ErrBusy, store.ErrUnknown, store.ErrClosed, directory.ErrAway, context.Canceled, context.DeadlineExceeded} {
		if !store.Temporary(fmt.Errorf("mailbox X: %w", err)) {
			t.Errorf("%v: expected to be temporary", err)
		}
	}
	for _, err := range []error{nil, store.ErrNotFound, store.ErrSchema, store.ErrKeyReused, &store.QuotaError{}, errors.New("a defect")} {
		if store.Temporary(err) {
			t.Errorf("%v: expected to stay", err)
		}
	}
}

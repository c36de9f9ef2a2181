package operator

import (
	"context"

	"nems/internal/store"
)

// Refusals are the requests that were refused lately, with their reasons.
type Refusals interface {
	// Refusals lists what a query selects, the newest first.
	Refusals(ctx context.Context, q store.RefusedQuery) ([]store.Refused, error)
}

package spine

import (
	"context"

	"nems/internal/access"
	"nems/internal/nhs"
)

// Registration is a system as it is registered: what it may do, and the keys that
// verify the tokens it signs. It is stored as JSON: rename no member.
type Registration struct {
	access.System
	Keys Keys `json:"keys,omitzero"`
}

// Registry finds registrations. System returns false for an ASID that is not
// registered, and an error only when it cannot decide. It is called for every
// request, so the answer should come from memory. It is safe for concurrent
// use. The slices in the result are shared: callers must only read them.
type Registry interface {
	System(ctx context.Context, asid nhs.ASID) (Registration, bool, error)
}

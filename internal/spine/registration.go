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
// registered and an error only when it cannot tell. Every request asks, so the
// answer should come from memory. Safe for concurrent use.
// The slices of what it returns are shared: callers only read them.
type Registry interface {
	System(ctx context.Context, asid nhs.ASID) (Registration, bool, error)
}

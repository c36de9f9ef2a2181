// Package operator is what the people who run a NEMS do to it: register
// systems and mailboxes, approve subscriptions, move event types through their
// life cycle, read the audit. A Desk does it to a store, a Handler offers a
// Desk over HTTP, and a Client is a Desk at the other end.
package operator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Registry keeps the registrations of systems; every change is on disk, with
// its audit entry, when the method returns. Safe for concurrent use.
type Registry interface {
	Systems(ctx context.Context) ([]store.System, error)
	// System returns store.ErrNotFound for an ASID that is not registered.
	System(ctx context.Context, asid nhs.ASID) (store.System, error)
	PutSystem(ctx context.Context, s store.System, e audit.Entry) error
	RevokeSystem(ctx context.Context, asid nhs.ASID, e audit.Entry) error
}

// Boxes keeps the MESH mailboxes and what they are registered for. Safe for concurrent use.
type Boxes interface {
	Mailboxes(ctx context.Context) ([]store.Mailbox, error)
	PutMailbox(ctx context.Context, m store.Mailbox) (int64, error)
	PutWorkflow(ctx context.Context, w store.Workflow) error
}

// Cycles keeps the life cycles of event types. Safe for concurrent use.
type Cycles interface {
	LifeCycles(ctx context.Context) ([]store.LifeCycle, error)
	PutLifeCycle(ctx context.Context, l store.LifeCycle, e audit.Entry) error
}

// Journal is the audit. Links yields the links whose commit lies in [from, to),
// oldest first; zero times set no limit. Record notes an entry that joins the
// next commit; it never waits.
type Journal interface {
	Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error]
	Record(e audit.Entry)
}

// Uses tells what owners have of what quotas limit. Safe for concurrent use.
type Uses interface {
	// QuotaUse lists those with the most first.
	QuotaUse(ctx context.Context, q store.QuotaQuery) ([]store.QuotaUse, error)
}

// Store is all of that.
type Store interface {
	Registry
	Boxes
	Cycles
	Subscriptions
	Outgoing
	Journal
	Uses
}

// ErrInvalid: what was asked for cannot be done as it stands; the text around
// it says what to change.
var ErrInvalid = errors.New("refused")

func invalid(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, a...))
}

// Desk does an operator's work on a store. It is a value: Handler makes a copy
// for each request, with the name of who asks.
type Desk struct {
	Store Store
	// Types returns the event types as of now.
	Types func() *catalogue.Catalogue
	Now   func() time.Time
	// Quotas are the limits of the service; nil when they are not known.
	Quotas *store.Quotas
	// User says who is at work, for the audit: the name of the account that the
	// command runs under, which nobody has proven. Certificate is the name of the
	// client certificate that was shown, "" without one.
	User, Certificate string
}

// entry starts the audit entry of something that the operator does.
func (d Desk) entry(action audit.Action, object string) audit.Entry {
	return audit.Entry{At: d.Now(), Action: action, Object: object, User: d.User, Certificate: d.Certificate}
}

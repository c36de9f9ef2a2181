// Package replay gives a subscription the events again that it had: the copies
// that are kept go back to their mailbox or endpoint, as they were matched when the
// events were accepted. Plan says what a wish amounts to, a Runner does it.
// Decision 45 says what was chosen, and why.
package replay

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Store keeps replays and shows what there is to replay. What is changed is on
// disk, with its audit entry, when the method returns. Safe for concurrent use.
type Store interface {
	// StartReplay keeps a new replay and gives it its id. It returns
	// store.ErrNotFound when the subscription is not there, and
	// *store.ReplayingError when it has a replay that is not over.
	StartReplay(ctx context.Context, r store.Replay, e audit.Entry) (store.Replay, error)
	// ChangeReplay changes a replay, and takes it from the node that is busy with
	// it. It returns store.ErrNotFound when there is none, and store.ErrChanged
	// when it is in none of the states From.
	ChangeReplay(ctx context.Context, id string, c store.ReplayChange, e audit.Entry) error
	// Replay returns a replay, or store.ErrNotFound.
	Replay(ctx context.Context, id string) (store.Replay, error)
	// Replays lists the first max that are older than one ("": any), of a
	// subscription or of all, the newest first.
	Replays(ctx context.Context, of subscription.ID, before string, max int) ([]store.Replay, error)
	// Endpoint returns the endpoint with the row of a mailbox, or store.ErrNotFound.
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	// KeptSince is the moment since which accepted events are kept: of earlier ones
	// retention may have removed any.
	KeptSince() time.Time
	// Position is the first position at or after a moment.
	Position(at time.Time) store.EventID
	// NumberedSpan says where the events lie that a subscription has counted with
	// numbers from one to another, both included, as far as they are kept.
	NumberedSpan(ctx context.Context, id subscription.ID, from, to uint64) (store.NumberedSpan, error)
	// Counting is broker.Numbers'.
	Counting(ctx context.Context, id subscription.ID) (store.Counting, error)
	// NextPosition is broker.Journal's.
	NextPosition() store.EventID
	// Mailbox is broker.Mailboxes'.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	Pages
}

// Pages is what a replay looks at. Safe for concurrent use.
type Pages interface {
	// ReplayPage returns the next copies, at most max, that a replay looks at: those
	// that its subscription selected, in whichever state, behind its cursor. With
	// Earlier, before its start what it would have selected.
	ReplayPage(ctx context.Context, r store.Replay, max int) (store.ReplayPage, error)
}

// Limits of a replay's rate, in copies a second.
const (
	DefaultRate = 500
	MostRate    = 10_000
)

// countPage is how many copies are counted at a time.
const countPage = 1000

// Tally is what a dry run tells: how many copies there are of each event type on
// each day. It holds nothing of a patient.
type Tally struct {
	Total int64
	// Waiting are further copies that come by themselves: they wait already.
	Waiting int64
	Days    []Day // in the order of their days and codes
}

// Day is the part of a Tally for one event type and one day.
type Day struct {
	Date            string // of acceptance, UTC
	Code            string
	Copies, Waiting int64
}

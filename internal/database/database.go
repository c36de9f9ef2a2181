// Package database defines what a node requires of its database, whatever its
// kind: the interfaces of all the node's parts, and what the node itself
// requires. sqlite.DB and postgres.DB implement all of it, and storetest checks
// that they do.
//
// The contract of a method is written once, at the interface that requires it.
// The comment on a store's method names that interface, and says what is
// special to the store.
package database

import (
	"context"
	"iter"
	"time"

	"nems/internal/api"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/courier"
	"nems/internal/directory"
	"nems/internal/lane"
	"nems/internal/mailbox"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/replay"
	"nems/internal/signin"
	"nems/internal/sqs"
	"nems/internal/store"
	"nems/internal/stream"
	"nems/internal/webhook"
)

// Store is everything that a node requires of its database. Methods are safe for
// concurrent use, and return store.ErrBusy, store.ErrUnknown and store.ErrClosed
// as documented there.
type Store interface {
	broker.Journal
	broker.RecordKeeper
	broker.Mailboxes
	mailbox.Boxes
	mailbox.Recorder
	api.Recorder
	courier.Outbox
	lane.Endpoints
	lane.Numbers
	broker.Numbers
	webhook.Endpoints
	stream.Store
	sqs.Queues
	replay.Store
	replay.Queue
	operator.Store
	signin.Sessions

	Process
	Whole
	Peers
	Ends
	Queues
	Quotas
	Counting
	Targets
	Standing
}

// Standing is what follows for subscriptions from the controller catalogue.
type Standing interface {
	// SuspendAll takes live subscriptions out of matching, or puts back those that were
	// taken out, in one commit, each with its audit entry. Those that are not in a
	// state for it are left as they are; changed counts the others. It is linearizable
	// with AcceptEvent, as Delete and Subscribe are: an event accepted after it
	// returned is not matched against one that is suspended.
	SuspendAll(ctx context.Context, all []store.Suspension) (changed int, err error)
	// SubscriptionOwners lists the first max organisations that own subscriptions,
	// ended ones too, behind a code, in the order of their codes.
	SubscriptionOwners(ctx context.Context, after nhs.ODSCode, max int) ([]nhs.ODSCode, error)
	// NoteShortfalls adds to what Shortfalls lists. The audit tells of each kind once,
	// when it comes up.
	NoteShortfalls(ctx context.Context, some []store.Shortfall) error
}

// Process is the store's own work.
type Process interface {
	// Run does the store's work until ctx ends: it commits, distributes the copies
	// of events that have very many, and does housekeeping. Then it commits what
	// was accepted, refuses the rest with store.ErrClosed, and returns when
	// everything it started has ended.
	Run(ctx context.Context) error
	// Close releases the database. Run must have returned, or never have been
	// called.
	Close() error
	// Stats returns the counters of the group committer.
	Stats() store.CommitterStats
	// RecordsWaiting returns how many entries of the audit wait for a commit to join.
	RecordsWaiting() int
}

// Targets finds the endpoints that subscriptions may name.
type Targets interface {
	// EndpointsOf lists the first max of an organisation on a channel behind the row of
	// a mailbox, in the order of the rows.
	EndpointsOf(ctx context.Context, ods nhs.ODSCode, c store.Channel, row int64, max int) ([]store.Endpoint, error)
}

// Whole is what is read from beginning to end.
type Whole interface {
	// Systems lists all registered systems by ASID, revoked ones too.
	Systems(ctx context.Context) ([]store.System, error)
	// Mailboxes lists all mailboxes in the order in which they were first put.
	Mailboxes(ctx context.Context) ([]store.Mailbox, error)
	// Links yields the links whose commit is in [from, to), oldest first, as
	// audit.Verify requires; zero times set no limit. Chains that grow in the
	// meantime have no gaps. No transaction is open while the caller works on a
	// link.
	Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error]
}

// Peers is what the nodes of one database have in common.
type Peers interface {
	// Lead reports whether this node is to do a task that only one node does at a
	// time. The node then stays in charge for the lease, by the database's clock,
	// or until it ends. A database with one node always answers yes.
	Lead(ctx context.Context, task string, lease time.Duration) (bool, error)
	// Housekeep does what is due by the clock, and notices a clock that was set. The
	// store does so by itself, once in a while.
	Housekeep(ctx context.Context) error
	// RegistryVersion grows with every change of a system or a life cycle. It is
	// cheap: a node that asks every second learns of changes in time.
	RegistryVersion(ctx context.Context) (int64, error)
	// SearchKey returns the secret of 32 bytes that the nodes share and keep. It
	// seals what one node hands out and another may get back. It is nil for a
	// database with one node.
	SearchKey(ctx context.Context) ([]byte, error)
}

// Ends is what shows whether a database, or a file next to it, has lost its end.
type Ends interface {
	// Heads returns the ends of the audit's chains that no other chain has bound:
	// those of chains that grow, and of chains that ended without a successor.
	// There are none before the first link.
	Heads(ctx context.Context) ([]audit.Head, error)
	// LastCommit returns when the newest link of the audit was committed, by the
	// clock of the node that committed it; zero before the first.
	LastCommit(ctx context.Context) (time.Time, error)
	// PutWitness keeps what was seen of a file outside the database, replacing
	// what was kept under the name before.
	PutWitness(ctx context.Context, name string, value []byte) error
	// Witness returns what PutWitness kept; nil if there is nothing.
	Witness(ctx context.Context, name string) ([]byte, error)
}

// Queues is what waits, for the metrics. Lists have at most max rows. Counting
// never reads a whole table.
type Queues interface {
	// Backlogs returns what waits for each remote mailbox, the largest first; for
	// some mailboxes nothing waits. It counts up to store.DeepestBacklog.
	Backlogs(ctx context.Context, max int) ([]store.Backlog, error)
	// Uncollected returns the mailboxes served here that have something to
	// collect, those with the oldest first.
	Uncollected(ctx context.Context, max int) ([]store.Uncollected, error)
	// ParkedHere returns the mailboxes served here for which copies are parked,
	// those with the most first.
	ParkedHere(ctx context.Context, max int) ([]store.ParkedHere, error)
	// Unrouted counts the events that are accepted and not routed.
	Unrouted(ctx context.Context) (store.Unrouted, error)
}

// Quotas is how the use of the quotas is kept. The limits themselves are given
// to the store when it is opened.
type Quotas interface {
	// QuotaRefusals returns how often this node has refused something because
	// of a quota since it started.
	QuotaRefusals(q store.Quota) uint64
	// RecountQuotas counts what the counters should be, corrects those that are
	// wrong, and returns the corrections. It reads whole tables while others
	// write: a counter and what it counts change in one commit, so the difference
	// between them stays the same.
	RecountQuotas(ctx context.Context) ([]store.QuotaDrift, error)
}

// Counting is what keeps the counts that operators see.
type Counting interface {
	// CountMinutes counts what has happened in the minutes since it was last called.
	// One node does so at a time; where two do, nothing is counted twice.
	CountMinutes(ctx context.Context) error
}

// Directory is everything that a node requires of its directory: to look up
// patients, organisations and postcodes, and to change them. Methods are safe
// for concurrent use.
type Directory interface {
	directory.Patients
	directory.Organisations
	directory.Postcodes
	directory.Sink
	broker.Learner

	// Follow keeps what is remembered up to date with what others write, until ctx ends:
	// a change reaches every node within a second.
	Follow(ctx context.Context) error
	// Has reports whether there is anything of each kind, without counting.
	Has(ctx context.Context) (directory.Contents, error)
	Close() error
}

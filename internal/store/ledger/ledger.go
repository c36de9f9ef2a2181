// Package ledger holds the part of a store that is the same for every database:
// verbs made of plain statements, each written once. What follows a database's
// nature stays with its engine (store/sqlite, store/postgres): accepting and
// matching events, listing and acknowledging, nonces, claims, purging events,
// the audit's links.
//
// A verb reads through Engine.Read or Engine.View, or changes something with an
// operation: a plain value whose Apply runs in a transaction. Statements are in
// the words that both databases know: parameters are $1, $2, ..., times are
// microseconds since 1970. CAST($1 AS bigint) gives a parameter its type where
// PostgreSQL could not tell it.
package ledger

import (
	"context"
	"sync/atomic"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Row is one row that a query yields.
type Row interface {
	// Scan copies the columns, in their order, to where the pointers point. NULL
	// becomes the zero value.
	Scan(into ...any) error
}

// Reader runs queries. All that one Reader reads is of one state of the database
// only where the engine says so: SQLite does, PostgreSQL for each statement.
type Reader interface {
	// Query calls each for every row. each must not query.
	Query(each func(Row) error, statement string, args ...any) error
}

// Tx is a transaction, which other operations may share.
//
// Where several transactions run at once, they must not wait for each other. So all
// that a verb locks, also by reading, it takes in this order: replay, lane, event,
// event_piece, inbox, collected, delivery, message, chunk, piece, upload; and rows of
// one table in the order of their keys.
type Tx interface {
	Reader
	// Exec runs a statement and says how many rows it changed.
	Exec(statement string, args ...any) (int64, error)
	// Later runs a statement before the next one that has an answer, at the latest
	// at the end of the operation: many of them cost one round trip.
	Later(statement string, args ...any)
	// Lock is what a query ends with whose rows, of the table with this alias, are
	// about to be changed. "" where there is one writer.
	Lock(alias string) string
	// LockFree is Lock for rows that may as well come another time: those that
	// another transaction is changing are left out.
	LockFree(alias string) string
	// Record has the audit tell of the change.
	Record(e audit.Entry)

	// Whole does a part of the operation, and takes back what it did where its error
	// refuses the operation. No other node does such a part at the same time.
	Whole(do func() error) error
	// MakeMailbox keeps or replaces a mailbox and returns its row, which no other has or
	// had. BoxesChanged has every node read again which mailboxes there are, all of them
	// where some are gone.
	MakeMailbox(m store.Mailbox) (row int64, err error)
	BoxesChanged(gone bool)
	// Subscribe files a new subscription, as broker.Journal's Subscribe does.
	Subscribe(f store.Filing) error

	// RegistryChanged has every node read systems and life cycles again.
	RegistryChanged()
	// Collect moves a row out of an inbox, and says whether it was there. why is
	// the packed fault, or nil.
	Collect(mailbox int64, position store.EventID, to store.State, at int64, why []byte) (bool, error)
	// Refuses tells whether a mailbox must not be given a workflow.
	Refuses(workflow string, mailbox int64) (bool, error)
	// CopiedTo notes that events now have a copy for a mailbox to which they were
	// not routed.
	CopiedTo(mailbox int64, positions []int64) error
	// Route files an active subscription for matching under its route key's hash,
	// Unroute takes one out of matching.
	Route(s *subscription.Subscription, mailbox, hash int64) error
	Unroute(id subscription.ID) error
	// Ended tells that a subscription has ended, where quotas do not see it themselves.
	Ended(s *subscription.Subscription)
}

// Op is a change. It is made before its transaction begins, and Apply may run
// more than once: where a commit failed, it is tried again.
//
// An error that refuse made refuses this operation alone, which must have changed
// nothing. Any other error undoes the whole transaction.
type Op interface {
	Apply(tx Tx) (answer any, err error)
}

// Heavy is an Op that holds many bytes: the engine limits what waits.
type Heavy interface{ Weight() int }

// Engine is what a database offers to the verbs.
type Engine interface {
	// Read reads for a machine, View for somebody who looks: on connections of
	// their own, and for at most store.ViewWait. read may run again where a
	// connection is lost.
	Read(ctx context.Context, read func(Reader) error) error
	View(ctx context.Context, read func(Reader) error) error
	// Commit applies an operation together with others that wait, with the audit's
	// link over what they record.
	Commit(ctx context.Context, op Op) (any, error)
	// Change applies an operation. Where the database lets several transactions run
	// at once it has one of its own, and what it records joins the next link.
	Change(ctx context.Context, op Op) (any, error)
	// Together is Change for what many do at the same time, each to what only it may
	// change, and records nothing: such operations may share a transaction, in the order
	// of their keys. An operation that is refused must have had no effect.
	Together(ctx context.Context, key int64, op Op) (any, error)
	// Post has an operation applied whose outcome nobody waits for.
	Post(op Op) error

	// Box finds a mailbox by its row, BoxByID by its id, without regard to case;
	// store.ErrNotFound where there is none. Boxes lists all in the order of
	// their rows.
	Box(ctx context.Context, row int64) (store.Mailbox, error)
	BoxByID(ctx context.Context, id string) (store.Mailbox, error)
	Boxes(ctx context.Context) ([]store.Mailbox, error)
	// KnowWorkflows brings what Tx.Refuses goes by up to now.
	KnowWorkflows(ctx context.Context) error

	// OverdueCopies lists copies that have waited in hosted inboxes since before
	// Options.Expiry, the oldest first. Left out are those that an operator gave
	// again, which have waited for another reason.
	OverdueCopies(ctx context.Context, now time.Time, max int) ([]Place, error)

	// RemoveEvents removes those of some events that are resolved: that have been routed
	// and spread, and of which no copy waits or is parked. It counts them in table purged,
	// and returns those that are left.
	RemoveEvents(ctx context.Context, ids []store.EventID) (left []store.EventID, err error)

	// AuditLinks is operator.Journal's.
	AuditLinks(ctx context.Context, s store.AuditSpan, newest bool, max int) ([]store.AuditLink, error)
	// AuditSettled returns the number of a link such that no link that is not there yet
	// will have that number or a smaller one; 0 where nothing is known.
	AuditSettled(ctx context.Context) (int64, error)

	Moments() *store.Moments
	NextPosition() store.EventID
	Dialect() Dialect
}

// Place is where a message stands.
type Place struct {
	Mailbox  int64
	Position store.EventID
}

// Dialect is what the databases say in other words.
type Dialect interface {
	// LeaseClock is the present moment of the clock of leases: an expression over
	// a parameter $1, and its argument.
	LeaseClock() (expression string, arg any)
	// SearchGroups lists the groups of subscriptions of an owner, or of all for "".
	SearchGroups(r Reader, ods string) ([]store.SearchGroup, error)
	// RunIDs reads the first ids between two ones that stand in one of the runs;
	// RunStep is how many runs it takes at a time.
	RunIDs(r Reader, runs []store.Run, after, before []byte, max int) ([][]byte, error)
	RunStep() int
	// In is the condition that a column is in the list that a parameter holds: an
	// []int64 or, for Bytes, a [][]byte.
	In(column, parameter string, of List) string
	// SameID is the condition that two ids of mailboxes are the same, without regard
	// to case.
	SameID(column, parameter string) string
	// Pack packs a piece of a message. CountsWholeMessages: a message that was sent
	// whole has a row in table chunk too; nodes of earlier versions may look for it.
	Pack(plain []byte) (store.Codec, []byte)
	CountsWholeMessages() bool
	// First is the condition that a row is among the first of a table that meet
	// another condition and that nobody is changing. key are the columns that tell
	// rows apart.
	First(table, key, condition, limit string) string
	// Apart keeps a condition on a column from choosing the index by which the
	// rows are read.
	Apart(column string) string
	// MostReplayed is replay.Queue's.
	MostReplayed() int
	// Unspread is the table that has a row for each event of which copies are still to
	// be filed.
	Unspread() string
	// EventCopies tells how many copies an event had when it was routed.
	EventCopies() EventCopies
}

// List is what a parameter that is a list holds.
type List int

// The lists.
const (
	Numbers List = iota
	Bytes
)

// Ledger has the verbs. A store embeds it.
type Ledger struct {
	engine  Engine
	dialect Dialect
	options *store.Options
	records *store.Records
	quotas  *store.QuotaGuard

	refusals *store.Refusals
	filing   auditFiling
	messages messageFiling

	retaining retaining
	lookedAt  atomic.Int64 // when endpoints were looked through last
}

// New returns the verbs over an engine. records are the audit entries that wait
// for a link; they and the quotas are shared with the engine.
func New(e Engine, o *store.Options, records *store.Records, quotas *store.QuotaGuard) Ledger {
	return Ledger{engine: e, dialect: e.Dialect(), options: o, records: records, quotas: quotas, refusals: store.NewRefusals()}
}

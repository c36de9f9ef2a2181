// Package mailbox serves the MESH API: mailboxes that subscribers collect
// their copies from and through which they can send to each other.
//
// Source: NHSDigital/mesh-api-specification (2026-05), versions 1 and 2; where
// it is silent, NHSDigital/mesh-sandbox.
package mailbox

import (
	"context"
	"io"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// Boxes keeps mailboxes and the messages in them. Every method that changes
// something returns after the change is on disk. Safe for concurrent use.
//
// Methods return store.ErrNotFound for what is not there (or is not this
// mailbox's), store.ErrBusy and store.ErrUnknown as the store's sentinels say.
type Boxes interface {
	// Mailbox is broker.Mailboxes'.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	// List returns a page of the unread messages, oldest first: what identifies
	// each, and its workflow. Its cost depends
	// on the page, not on the depth of the box. Others may have been given the
	// same page: it must not be changed.
	List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error)
	// Count returns how many unread messages wait; none in a mailbox that is not
	// there.
	Count(ctx context.Context, mailbox int64) (int, error)
	// Message returns one message of the mailbox in whatever state.
	Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error)
	// History returns messages that came to a mailbox at or after since, in
	// whatever state but Uploading, newest first. before is exclusive; 0 begins
	// with the newest.
	History(ctx context.Context, mailbox int64, since time.Time, before store.EventID, max int) ([]store.Message, error)
	// Chunk writes chunk n (from 1) of a message, as it was sent, to w. For the
	// copy of an event it returns store.ErrDamaged, and writes nothing, when the
	// bytes no longer have the SHA-256 of the published message. Before it writes
	// it fills in m.Patient, whom the event is about. No transaction is open while
	// it writes.
	Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error
	// Acknowledge takes a waiting message out of the inbox. Doing it twice is no
	// error; a message in another state stays as it is. It adds to e whom a copy is
	// about.
	//
	// Acknowledge, Send and Complete record e, unless it is nil, when the change is
	// made, and never without it. Where several nodes share a database e joins the
	// node's next commit: a node that dies before that has made a change that its
	// audit does not tell of.
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error
	// Send and PutChunk return *store.QuotaError, and store nothing, when the
	// mailbox has no room for what somebody sends; a report is never refused.
	//
	// Send stores a message and makes it visible when m.Status is Waiting.
	// With status Uploading it is kept, invisible, until Complete. first is its
	// chunk 1, stored in the same transaction, or before it when it is large; nil
	// when chunk 1 was put with PutChunk before, or when the message is a report,
	// which has no chunks.
	Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error
	// PutChunk stores chunk n (from 1) of a message, replacing one that is there,
	// and returns its size. It reads a buffer at a time, so that a large chunk
	// never sits in memory, and holds no transaction open meanwhile. It may come
	// before the Send. When r fails, the chunk stays as it was and r's error is
	// returned, wrapped. Chunks of messages that never complete are removed after a
	// day.
	PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error)
	// Complete makes an uploading message visible in the recipient's inbox,
	// with its size over all chunks, if every chunk is there; if not it
	// returns false and changes nothing. store.ErrNotFound for a message that is
	// not uploading.
	Complete(ctx context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (bool, error)
	// SentByLocalID finds what a mailbox has sent by its local id; of several
	// messages that share one it returns the oldest two, of none an empty list.
	SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error)
	// Outbox returns what a mailbox has sent, but no copies of events, at or
	// after since, in whatever state, newest first. before is exclusive; 0
	// begins with the newest.
	Outbox(ctx context.Context, sender string, since time.Time, before store.EventID, max int) ([]store.Message, error)
	// SetStatus stores m's Status, StatusAt, LinkedID, ErrorCode, ErrorEvent
	// and ErrorText and, in the same transaction, puts report into its mailbox
	// unless it is nil. A message whose status is no longer Waiting leaves the
	// inbox.
	SetStatus(ctx context.Context, m store.Message, report *store.Message) error
	// Overdue returns up to max waiting messages whose Expires is not after now:
	// sent ones, and copies of events in mailboxes served here. Copies for a remote
	// MESH are for the courier to judge. Those that an operator gave again have
	// waited for another reason, and are left out.
	Overdue(ctx context.Context, now time.Time, max int) ([]store.Message, error)
	// Purge removes up to max messages, in whatever state, whose position lies
	// before the moment, and returns how many it removed: sent ones with their
	// chunks, and events with their copies in mailboxes served here. An event stays
	// while a copy for a remote MESH is not settled.
	Purge(ctx context.Context, before time.Time, max int) (int, error)
	// Lookup lists the mailboxes of an organisation; an empty list when it has none.
	Lookup(ctx context.Context, ods string) ([]store.Mailbox, error)
	// Restricted tells who may use a workflow; ok is false when it is open to all.
	Restricted(ctx context.Context, workflow string) (w store.Workflow, ok bool, err error)
	// UseNonce records a token's digest; it returns false when it was used before,
	// on whichever node. at is the present moment: a digest is kept for at least 5
	// hours from it, since a token may be dated two hours ahead and holds until two
	// hours after its date.
	UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error)
	// NextPosition is broker.Journal's: a message has a position as an event has an
	// id.
	NextPosition() store.EventID
	// Reset empties the mailboxes: all, or one when row is not 0. Dev mode only.
	Reset(ctx context.Context, row int64) error
}

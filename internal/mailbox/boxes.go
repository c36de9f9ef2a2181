// Package mailbox serves the MESH API: mailboxes from which subscribers collect
// their copies, and through which they can send messages to each other.
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

// Boxes stores mailboxes and the messages in them. Every method that changes
// something returns after the change is on disk. Safe for concurrent use.
//
// Methods return store.ErrNotFound for what does not exist (or is not this
// mailbox's), and store.ErrBusy and store.ErrUnknown as those errors say.
type Boxes interface {
	// Mailbox has the contract of broker.Mailboxes.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	// List returns a page of the unread messages, oldest first: what identifies
	// each, and its workflow. Its cost depends on the page, not on the size of
	// the inbox. The same page may be returned to others, so the caller must
	// not change it.
	List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error)
	// Count returns how many unread messages wait; 0 for a mailbox that does not
	// exist.
	Count(ctx context.Context, mailbox int64) (int, error)
	// Message returns one message of the mailbox, in any state.
	Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error)
	// History returns messages that came to a mailbox at or after since, in any
	// state except Uploading, newest first. before is exclusive; 0 starts with
	// the newest.
	History(ctx context.Context, mailbox int64, since time.Time, before store.EventID, max int) ([]store.Message, error)
	// Chunk writes chunk n (from 1) of a message to w, as it was sent. Before it
	// writes, it sets m.Patient to the patient of the event. If the copy of an
	// event no longer has the SHA-256 of the published message, it writes nothing
	// and returns store.ErrDamaged. No transaction is open while it writes.
	Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error
	// Acknowledge removes a waiting message from the inbox. Doing it twice is not
	// an error; a message in another state stays as it is. It adds the patient of a
	// copy to e.
	//
	// Acknowledge, Send and Complete record e, unless it is nil, when the change is
	// made, and never without it. Where several nodes share a database, e joins the
	// node's next commit: if a node dies before that commit, the audit lacks the
	// entry of its change.
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error
	// Send and PutChunk store nothing and return *store.QuotaError when the
	// mailbox has no room for a sent message. A report is never refused.
	//
	// Send stores a message and makes it visible if m.Status is Waiting. With
	// status Uploading it stays invisible until Complete. first is its chunk 1,
	// which is stored in the same transaction, or before it when it is large.
	// first is nil when chunk 1 was stored with PutChunk before, or when the
	// message is a report, which has no chunks.
	Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error
	// PutChunk stores chunk n (from 1) of a message, replacing an earlier one, and
	// returns its size. It reads one buffer at a time, so that a large chunk is
	// never held in memory, and has no transaction open meanwhile. It may be called
	// before Send. If r fails, the chunk stays as it was, and the error of r is
	// returned, wrapped. Chunks of messages that never become complete are removed
	// after a day.
	PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error)
	// Complete makes an uploading message visible in the recipient's inbox, with
	// its size over all chunks, if every chunk exists. Otherwise it returns
	// false and changes nothing. It returns store.ErrNotFound for a message that
	// is not uploading.
	Complete(ctx context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (bool, error)
	// SentByLocalID returns messages that a mailbox has sent with a local id:
	// the oldest two if several share it, an empty list if there are none.
	SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error)
	// Outbox returns what a mailbox has sent at or after since, in any state,
	// newest first, without copies of events. before is exclusive; 0 starts
	// with the newest.
	Outbox(ctx context.Context, sender string, since time.Time, before store.EventID, max int) ([]store.Message, error)
	// SetStatus stores m's Status, StatusAt, LinkedID, ErrorCode, ErrorEvent
	// and ErrorText. In the same transaction it puts report into its mailbox,
	// unless report is nil. A message whose status is no longer Waiting leaves
	// the inbox.
	SetStatus(ctx context.Context, m store.Message, report *store.Message) error
	// Overdue returns up to max waiting messages whose Expires is not after now:
	// sent messages, and copies of events in mailboxes served here. Copies for a
	// remote MESH are left to the courier. Copies that an operator released again
	// are left out, because they waited for another reason.
	Overdue(ctx context.Context, now time.Time, max int) ([]store.Message, error)
	// Purge removes up to max messages, in any state, whose position is before the
	// given time, and returns how many it removed: sent messages with their chunks,
	// and events with their copies in mailboxes served here. An event stays while a
	// copy for a remote MESH is not settled.
	Purge(ctx context.Context, before time.Time, max int) (int, error)
	// Lookup lists the mailboxes of an organisation; an empty list when it has none.
	Lookup(ctx context.Context, ods string) ([]store.Mailbox, error)
	// Restricted returns who may use a workflow; ok is false when everybody may.
	Restricted(ctx context.Context, workflow string) (w store.Workflow, ok bool, err error)
	// UseNonce records a token's digest. It returns false when any node has
	// recorded it before. at is the present moment. A digest is kept for at least 5
	// hours from then, because a token may be dated two hours ahead and is valid
	// until two hours after its date.
	UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error)
	// NextPosition has the contract of broker.Journal: a message has a position as
	// an event has an id.
	NextPosition() store.EventID
	// Reset empties one mailbox, or all when row is 0. Dev mode only.
	Reset(ctx context.Context, row int64) error
}

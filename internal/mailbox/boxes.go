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
	// Mailbox finds a mailbox by its id, without regard to case.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	// List returns a page of the unread messages, oldest first. Its cost depends
	// on the page, not on the depth of the box. Others may have been given the
	// same page: it must not be changed.
	List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error)
	// Count returns how many unread messages wait.
	Count(ctx context.Context, mailbox int64) (int, error)
	// Message returns one message of the mailbox in whatever state.
	Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error)
	// History returns messages that came to a mailbox at or after since, in
	// whatever state but Uploading, newest first. before is exclusive; 0 begins
	// with the newest.
	History(ctx context.Context, mailbox int64, since time.Time, before store.EventID, max int) ([]store.Message, error)
	// Chunk writes chunk n (from 1) of a message, as it was sent, to w. For the
	// copy of an event it returns an error, and writes nothing, when the bytes
	// no longer have the SHA-256 of the published message; and before it writes
	// it fills in m.Patient, whom the event is about.
	Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error
	// Acknowledge takes an accepted message out of the inbox. Doing it twice is
	// no error; a message in another state stays as it is.
	//
	// Acknowledge, Send and Complete record an audit entry with the change (not
	// without it), unless it is nil; Acknowledge adds whom a copy is about.
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error
	// Send and PutChunk return *store.QuotaError, and store nothing, when the
	// mailbox has no room for what somebody sends; a report is never refused.
	//
	// Send stores a message and makes it visible when m.Status is Waiting.
	// With status Uploading it is kept, invisible, until Complete. first is its
	// chunk 1, stored in the same transaction; nil when chunk 1 was put with
	// PutChunk before, or when the message is a report, which has no chunks.
	Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error
	// PutChunk stores chunk n of a message, replacing one that is there, a
	// buffer at a time: a large chunk never sits in memory. It may come before
	// the Send. When r fails, nothing changes and its error is returned
	// (wrapped). Chunks of messages that never complete are removed after a day.
	PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error)
	// Complete makes an uploading message visible in the recipient's inbox,
	// with its size over all chunks, if every chunk is there; if not it
	// returns false and changes nothing.
	Complete(ctx context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (bool, error)
	// SentByLocalID finds what a mailbox has sent by its local id; of several
	// messages that share one it returns two.
	SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error)
	// Outbox returns what a mailbox has sent, but no copies of events, at or
	// after since, in whatever state, newest first. before is exclusive; 0
	// begins with the newest.
	Outbox(ctx context.Context, sender string, since time.Time, before store.EventID, max int) ([]store.Message, error)
	// SetStatus stores m's Status, StatusAt, LinkedID, ErrorCode, ErrorEvent
	// and ErrorText and, in the same transaction, puts report into its mailbox
	// unless it is nil.
	SetStatus(ctx context.Context, m store.Message, report *store.Message) error
	// Overdue returns accepted messages whose Expires is not after now.
	Overdue(ctx context.Context, now time.Time, max int) ([]store.Message, error)
	// Purge removes up to max messages, in whatever state, whose position lies
	// before the moment, with their chunks, and returns how many it removed.
	Purge(ctx context.Context, before time.Time, max int) (int, error)
	// Lookup lists the mailboxes of an organisation; Restricted tells who may
	// use a workflow, ok false when it is open to all.
	Lookup(ctx context.Context, ods string) ([]store.Mailbox, error)
	Restricted(ctx context.Context, workflow string) (w store.Workflow, ok bool, err error)
	// UseNonce records a token's digest; it returns false when it was used
	// before. at is the present moment: a digest is kept for 5 hours from it,
	// since a token may be dated two hours ahead and holds until two hours
	// after its date.
	UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error)
	// NextPosition hands out a position that no other message of the system has.
	NextPosition() store.EventID
	// Reset empties the mailboxes (all, or one when row is not 0). Dev mode only.
	Reset(ctx context.Context, row int64) error
}

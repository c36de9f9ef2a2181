// Package mailbox serves the MESH API: mailboxes that subscribers collect
// their copies from and through which they can send to each other.
//
// Source: NHSDigital/mesh-api-specification (2026-05), versions 1 and 2.
package mailbox

import (
	"context"
	"io"
	"time"

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
	// List returns a page of the unread messages, oldest first, and nothing of
	// their bodies. Its cost depends on the page, not on the depth of the box.
	List(ctx context.Context, q store.InboxQuery) ([]store.Message, error)
	// Count returns how many unread messages wait.
	Count(ctx context.Context, mailbox int64) (int, error)
	// Message returns one message of the mailbox, unread or acknowledged.
	Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error)
	// Chunk writes chunk n (from 1) of a message, as it was sent, to w. For the
	// copy of an event it returns an error, and writes nothing, when the bytes
	// no longer have the SHA-256 of the published message.
	Chunk(ctx context.Context, m store.Message, n int, w io.Writer) error
	// Acknowledge takes a message out of the inbox. Doing it twice is no error.
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time) error
	// Send stores a message whose chunks were all put with PutChunk before
	// (chunks 1 to m.Chunks), and makes it visible when m.Status is Accepted.
	// With status Uploading it is kept, invisible, until Complete.
	Send(ctx context.Context, m store.Message) error
	// PutChunk stores chunk n of a message, replacing one that is there, a
	// buffer at a time: a large chunk never sits in memory. Chunks of messages
	// that never complete are removed after a day.
	PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error)
	// Complete makes an uploading message visible in the recipient's inbox.
	Complete(ctx context.Context, mailbox int64, position store.EventID, at time.Time) error
	// Sent finds what a mailbox has sent: by position of the message, or by its
	// local id (several may share one).
	Sent(ctx context.Context, sender string, position store.EventID) (store.Message, error)
	SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error)
	// Lookup lists the mailboxes of an organisation; Restricted tells who may
	// use a workflow, ok false when it is open to all.
	Lookup(ctx context.Context, ods string) ([]store.Mailbox, error)
	Restricted(ctx context.Context, workflow string) (w store.Workflow, ok bool, err error)
	// UseNonce records a token's nonce; it returns false when it was used
	// before within the window.
	UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error)
	// NextPosition hands out a position that no other message of the system has.
	NextPosition() store.EventID
	// Reset empties the mailboxes (all, or one when row is not 0). Dev mode only.
	Reset(ctx context.Context, row int64) error
}

// Package operator is what the people who run a NEMS do to it: register
// systems and mailboxes, approve subscriptions, move event types through their
// life cycle, read the audit. Each act is a Verb. A Desk does it to a store, a
// Handler offers a Desk over HTTP, and a Client asks at the other end: both are
// faces of the desk, with the same answers and errors.
package operator

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/replay"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Registry keeps the registrations of systems; every change is on disk, with
// its audit entry, when the method returns. Safe for concurrent use.
type Registry interface {
	// SystemsAfter lists the first max behind an ASID, in the order of their ASIDs,
	// revoked ones too.
	SystemsAfter(ctx context.Context, asid nhs.ASID, max int) ([]store.System, error)
	// System returns a registered system, a revoked one too, or store.ErrNotFound.
	System(ctx context.Context, asid nhs.ASID) (store.System, error)
	// PutSystem registers a system, in place of what it was registered as before.
	PutSystem(ctx context.Context, s store.System, e audit.Entry) error
	// RevokeSystem takes a system's rights away; store.ErrNotFound when it is not
	// registered.
	RevokeSystem(ctx context.Context, asid nhs.ASID, e audit.Entry) error
}

// Boxes keeps the MESH mailboxes and what they are registered for. What is put is
// on disk when the method returns. Safe for concurrent use.
type Boxes interface {
	// MailboxesAfter lists the first max behind a row, in the order of their rows,
	// in which they were first put; endpoints are none. They come without their passwords.
	MailboxesAfter(ctx context.Context, row int64, max int) ([]store.Mailbox, error)
	// Mailbox is broker.Mailboxes'.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	// PutMailbox keeps a mailbox and returns its row, which stays the same when a
	// mailbox of that id, without regard to case, is put again. It returns
	// store.ErrMailboxID for an id that no mailbox can have.
	PutMailbox(ctx context.Context, m store.Mailbox) (int64, error)
	// PutWorkflow restricts a workflow id to its senders and receivers.
	PutWorkflow(ctx context.Context, w store.Workflow) error
}

// Cycles keeps the life cycles of event types; every change is on disk, with its
// audit entry, when the method returns. Safe for concurrent use.
type Cycles interface {
	// LifeCycles returns those that were put, in the order of the event codes.
	LifeCycles(ctx context.Context) ([]store.LifeCycle, error)
	// PutLifeCycle keeps the life cycle of an event type, in place of an earlier
	// one.
	PutLifeCycle(ctx context.Context, l store.LifeCycle, e audit.Entry) error
}

// Controllers keeps the rows of the controller catalogue. Safe for concurrent use.
type Controllers interface {
	// ControllerRows returns all rows, by their ids.
	ControllerRows(ctx context.Context) ([]store.ControllerRow, error)
	// ChangeControllerRows puts and removes rows, with the entries that say so:
	// all or none. It is on disk when the method returns.
	ChangeControllerRows(ctx context.Context, put []store.ControllerRow, removed []string, entries []audit.Entry) error
}

// Journal is the audit. Safe for concurrent use.
type Journal interface {
	// AuditSpan is what there is at this moment of the links whose commit lies in
	// [from, to), and perhaps some beside them; zero times set no limit.
	AuditSpan(ctx context.Context, from, to time.Time) (store.AuditSpan, error)
	// AuditLinks returns the first max of them, the oldest or the newest first.
	AuditLinks(ctx context.Context, s store.AuditSpan, newest bool, max int) ([]store.AuditLink, error)
	// AuditAbout returns the first max links of a span, oldest first, with an entry
	// about one of the patients, and perhaps some without; they lack Heads and Hash.
	// What is filed by patient costs little. Of the rest it looks at about effort
	// entries.
	AuditAbout(ctx context.Context, s store.AuditSpan, patients []nhs.NHSNumber, max, effort int) (store.AuditAbout, error)
	// Record is mailbox.Recorder's.
	Record(e audit.Entry)
}

// Retained is what retention keeps and has removed. Safe for concurrent use.
type Retained interface {
	// Purges returns what retention has removed of each type, by code.
	Purges(ctx context.Context) ([]store.Purged, error)
	// KeptEvents looks at the next max events behind one, the oldest first, and tells of
	// each type which is the oldest and which should not be there any more: those before
	// overdueBefore. It stops when it has found mostOverdue of them.
	KeptEvents(ctx context.Context, after store.EventID, overdueBefore func(code string) store.EventID, max, mostOverdue int) (store.KeptEvents, error)
}

// Uses tells what owners have of what quotas limit. Safe for concurrent use.
type Uses interface {
	// QuotaUse lists the owners that have something of what a quota limits, those
	// with the most first.
	QuotaUse(ctx context.Context, q store.QuotaQuery) ([]store.QuotaUse, error)
}

// Sight shows the service as a whole. Safe for concurrent use.
type Sight interface {
	// Overview returns counts, the latest events and the first mailboxes. Its cost
	// does not grow with what is stored. After a crash the number of events may be a
	// few off.
	Overview(ctx context.Context, latest int) (store.Overview, error)
	// Unrouted and Uncollected are database.Queues'.
	Unrouted(ctx context.Context) (store.Unrouted, error)
	Uncollected(ctx context.Context, max int) ([]store.Uncollected, error)
	// Counts returns how much happened in each unit of [from, to), as far as it is kept
	// and something happened. What is not counted yet is looked through, within limits.
	Counts(ctx context.Context, per store.CountUnit, from, to time.Time) (store.Counts, error)
}

// Replays keeps replays. Safe for concurrent use.
type Replays interface {
	replay.Store
	// Moment is broker.Journal's.
	Moment(id store.EventID) time.Time
}

// Visitors are those who have signed in to the console, or may. Every change is on
// disk, with its audit entry, when the method returns. Safe for concurrent use.
type Visitors interface {
	// PutSignInLink keeps a link that lets somebody in once.
	PutSignInLink(ctx context.Context, l store.SignInLink, e audit.Entry) error
	// SessionsAfter lists the first max behind a number that were last seen after
	// seen and end after now, in the order of their numbers.
	SessionsAfter(ctx context.Context, n int64, seen, now time.Time, max int) ([]store.Session, error)
	// EndSession ends a session, on every node at once; store.ErrNotFound when there
	// is none.
	EndSession(ctx context.Context, n int64, e audit.Entry) error
}

// Store is all of that.
type Store interface {
	Visitors
	Registry
	Boxes
	Endpoints
	Cycles
	Controllers
	Subscriptions
	Outgoing
	Journal
	Retained
	Uses
	Sight
	Refusals
	Events
	Replays
	Shortfalls
}

// Shortfalls keeps what the controller catalogue would have refused. Safe for concurrent
// use.
type Shortfalls interface {
	// Shortfalls lists what was done although the controller catalogue does not permit
	// it, the latest first; at most store.MostShortfalls.
	Shortfalls(ctx context.Context) ([]store.Shortfall, error)
}

// Desk does an operator's work on a store. It is a value: each caller has a copy
// with its own name. What it can do, the Verbs say.
type Desk struct {
	Store Store
	// Types returns the event types as of now.
	Types func() *catalogue.Catalogue
	Now   func() time.Time
	// Concerns are what a node alone knows that a person should look at; nil for none.
	Concerns func(ctx context.Context) ([]Concern, error)
	// Quotas are the limits of the service; nil when they are not known.
	Quotas *store.Quotas
	// Kept is how long events are kept; nil when that is not known.
	Kept *store.RetentionRules
	// Check checks a message as publishing does, and stores nothing; nil where no
	// service runs.
	Check func(ctx context.Context, message []byte) (broker.Checked, error)
	// MayHave and MayReplay are broker.Broker's: what the controller catalogue does not
	// permit; nil where no service runs.
	MayHave   func(ctx context.Context, s subscription.Subscription) error
	MayReplay func(ctx context.Context, s subscription.Subscription, to string, first store.EventID) error
	// NoteShortfalls has the node put into the store what has come up since it last did;
	// nil where no service runs.
	NoteShortfalls func(ctx context.Context) error
	// Filtered is broker.Broker's: the filters of the MNS; nil where no service runs.
	Filtered func(ctx context.Context, s *subscription.Subscription, e *store.AcceptedEvent) ([]subscription.Finding, error)
	// Publish sends a message through the front door as a system does, on behalf of a
	// person, and returns the answer; nil where that is not done.
	Publish func(ctx context.Context, asid nhs.ASID, ods nhs.ODSCode, user string, message []byte) (status int, answer []byte, err error)
	// Subscribe creates a subscription through the front door as a system does; nil
	// where that is not done.
	Subscribe func(ctx context.Context, asid nhs.ASID, ods nhs.ODSCode, user string, s subscription.Resource) (status int, location string, answer []byte, err error)
	// Organisations give codes their names; nil where they are not known.
	Organisations directory.Organisations
	// Postcodes say where one lies, and Contents which parts of the directory there
	// are; nil where they are not known.
	Postcodes directory.Postcodes
	Contents  func(ctx context.Context) (directory.Contents, error)
	// Patients tell whether a number was superseded; nil where they are not known.
	Patients directory.Patients
	// Records keep patients' records; nil where no service runs.
	Records Records
	// Signed returns the last checkpoint of the audit, the zero Checkpoint without one;
	// nil where they are not known.
	Signed func() (audit.Checkpoint, error)
	// Clock is the clock of a dev world; nil where time cannot be set.
	Clock Clock
	// Channels is what a running service does with endpoints: none of a channel that
	// is off.
	Channels map[store.Channel]*Running
	// Notices are what people should read before all else; nil for none.
	Notices func() []string
	// CursorKey is the secret that seals cursors, the same on all nodes of a
	// database; nil: one of this process.
	CursorKey []byte
	Caller
}

// entry starts the audit entry of something that the operator does.
func (d Desk) entry(action audit.Action, object string) audit.Entry {
	return audit.Entry{At: d.Now(), Action: action, Object: object, User: d.User, Certificate: d.Certificate, Interaction: d.Proof, Request: d.Request}
}

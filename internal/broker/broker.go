// Package broker is the heart of the service. It accepts event messages and subscriptions from
// callers that the front door has admitted, and decides the order in which they are checked and
// stored.
//
// Every refusal that it returns is a *refuse.Refusal. Any other error is temporary
// (store.ErrBusy, store.ErrUnknown, and when subscribing directory.ErrAway), so that the caller
// may try again, or a defect.
package broker

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/replay"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Journal stores events and subscriptions. Every method that changes something
// returns after the change, with its audit entry, is on disk. Publish,
// subscribe and delete are linearizable across all nodes: an event accepted
// after Subscribe returned is matched against the subscription, one accepted
// after Delete returned is not. Safe for concurrent use.
type Journal interface {
	// AcceptEvent records an event, its matches and its deliveries in one
	// transaction. If the idempotency key was used before with the same bytes, it
	// returns the first event's receipt and delivers nothing again. If it was
	// used with other bytes, it returns store.ErrKeyReused.
	AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error)
	// Subscribe stores a subscription. It returns *store.DuplicateError when its
	// owner has an equal one that has not ended, store.ErrNotFound when the mailbox
	// does not exist, and *store.QuotaError when the owner has as many as allowed.
	Subscribe(ctx context.Context, s subscription.Subscription, entry audit.Entry) error
	// Subscription returns a subscription that was not deleted, or
	// store.ErrNotFound. One that has ended has status off. If its stored
	// criteria cannot be read, it has only their text, and matches nothing any
	// more.
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	// SubscribeWith is Subscribe of a subscription that brings its endpoint along: both are
	// stored, or none. The row of the endpoint is returned. Errors are those of Subscribe,
	// and *store.QuotaError for the endpoints of an organisation, *store.HeldError, and
	// store.ErrChanged when the endpoint has another version.
	SubscribeWith(ctx context.Context, s subscription.Subscription, with store.Brought, entry audit.Entry) (row int64, err error)
	// ReplaceWith is SubscribeWith in the place of the live subscription of its id: an
	// event is matched against either the one or the other. store.ErrNotFound when there
	// is none.
	ReplaceWith(ctx context.Context, s subscription.Subscription, with store.Brought, entry audit.Entry) error
	// Delete removes a subscription; store.ErrNotFound when there is none.
	Delete(ctx context.Context, id subscription.ID, entry audit.Entry) error
	// NextPosition returns the id of the next event. It is unique in the system,
	// and larger than all ids that this node returned before, even if the clock is
	// set back.
	NextPosition() store.EventID
	// Moment returns when an id was issued: the moment of the event's acceptance.
	Moment(id store.EventID) time.Time
	Backlog
	BulkJournal
	Changes
}

// Mailboxes finds the MESH mailboxes to which copies can go. Safe for
// concurrent use.
type Mailboxes interface {
	// Mailbox finds a mailbox by its id, without regard to case. It returns
	// store.ErrNotFound when there is none.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
}

// Config is what a Broker needs. Every field except Records, Published,
// Controllers and Learner is required.
type Config struct {
	Journal   Journal
	Mailboxes Mailboxes
	// Events finds what Explain explains.
	Events Events
	// Copies tells what became of copies.
	Copies Copies
	// Numbers tells what subscriptions have counted.
	Numbers Numbers
	// Replays keeps replays.
	Replays replay.Store
	// Catalogue returns the current event types, because life cycles change
	// while the service runs.
	Catalogue     func() *catalogue.Catalogue
	Patients      directory.Patients
	Organisations directory.Organisations
	Postcodes     directory.Postcodes
	// Records keeps patients' records, nil where another PDS does.
	Records RecordKeeper
	// Controllers is the controller catalogue; nil where nothing follows from it.
	Controllers Controllers
	// Published reads by what an event can be filtered that was published at the API of
	// the MNS; nil where there is no such API.
	Published func(message []byte) map[string][]string
	// Learner is Patients if it learns from the events of the Spine, otherwise
	// nil.
	Learner Learner
	// Tests returns what sends a test event to endpoints of a channel, or nil where nothing
	// is sent.
	Tests func(store.Channel) func(context.Context, store.Endpoint) (store.Attempt, error)
	// Record adds audit entries that belong to no change of the journal.
	Record func(audit.Entry)
	// Level is the level that publishing enforces: standard or strict.
	Level catalogue.Level
	// AcceptUnknownPatients matches an event of an unknown patient on what the
	// message carries, instead of refusing it.
	AcceptUnknownPatients bool
	// ManualActivation leaves new subscriptions in status requested until an
	// operator approves them.
	ManualActivation bool
	// Now is the clock of acceptance.
	Now func() time.Time
	// Took is told how long each stage of a publish took, one that refused too. It
	// must be quick, and safe for concurrent use; nil: nobody is told.
	Took func(context.Context, Stage, time.Duration)
}

// Broker publishes and subscribes. Safe for concurrent use.
type Broker struct {
	Config
	router directory.Router
	// planned is what the endpoint that is being made needs; nil where one is there.
	planned []string
	tested  *tests
}

// New returns a Broker. It starts nothing.
func New(c Config) *Broker {
	return &Broker{Config: c, tested: &tests{}, router: directory.Router{
		Patients: c.Patients, Organisations: c.Organisations, Postcodes: c.Postcodes,
		AcceptUnknown: c.AcceptUnknownPatients,
	}}
}

// Package broker is the heart of the service: it takes event messages and
// subscriptions from callers that the front door has let in, and owns the
// order in which they are checked and kept.
//
// Every refusal it returns is a *refuse.Refusal. Any other error is temporary
// (store.ErrBusy, store.ErrUnknown, when subscribing directory.ErrAway: try again) or a defect.
package broker

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Journal keeps events and subscriptions. Every method that changes something
// returns after the change, with its audit entry, is on disk. Publish,
// subscribe and delete are linearizable across all nodes: an event accepted
// after Subscribe returned is matched against it, one accepted after Delete
// returned never is. Safe for concurrent use.
type Journal interface {
	// AcceptEvent records an event, its matches and its deliveries in one
	// transaction. An idempotency key that came with the same bytes before gives
	// the first event's receipt, and nothing is delivered again. With other bytes
	// it is store.ErrKeyReused.
	AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error)
	// Subscribe keeps a subscription. It returns *store.DuplicateError when its
	// owner has an equal one that has not ended, store.ErrNotFound when there is no
	// such mailbox, and *store.QuotaError when the owner has as many as it may.
	Subscribe(ctx context.Context, s subscription.Subscription, entry audit.Entry) error
	// Subscription returns a subscription that was not deleted, or
	// store.ErrNotFound. One that has ended has status off. One whose stored
	// criteria cannot be read comes with their text alone, and matches no more.
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	// Delete removes a subscription; store.ErrNotFound when there is none.
	Delete(ctx context.Context, id subscription.ID, entry audit.Entry) error
	// NextPosition hands out the id of the next event. Nothing else in the system
	// has it, and it is larger than all that this node handed out before, also when
	// the clock is set.
	NextPosition() store.EventID
	// Moment is when an id was handed out: the moment of an event's acceptance.
	Moment(id store.EventID) time.Time
	Backlog
	Shelf
	Changes
}

// Mailboxes finds the MESH mailboxes that copies can go to. Safe for concurrent
// use.
type Mailboxes interface {
	// Mailbox finds a mailbox by its id, without regard to case; store.ErrNotFound
	// when there is none.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
}

// Config is what a Broker is made of. Every field but Learner is needed.
type Config struct {
	Journal   Journal
	Mailboxes Mailboxes
	// Catalogue returns the event types as of now: life cycles change while
	// the service runs.
	Catalogue     func() *catalogue.Catalogue
	Patients      directory.Patients
	Organisations directory.Organisations
	Postcodes     directory.Postcodes
	// Learner is Patients where they learn from the events of the Spine; nil
	// where they do not.
	Learner Learner
	// Record takes entries of the audit that tell of no change in the journal.
	Record func(audit.Entry)
	// Level is what publishing enforces: standard or strict.
	Level catalogue.Level
	// AcceptUnknownPatients matches an event of a patient that the directory
	// does not have on what the message carries, instead of refusing it.
	AcceptUnknownPatients bool
	// ManualActivation leaves new subscriptions in status requested until an
	// operator approves them.
	ManualActivation bool
	// Now is the clock of acceptance.
	Now func() time.Time
}

// Broker publishes and subscribes. Safe for concurrent use.
type Broker struct {
	Config
	router directory.Router
}

// New returns a Broker. It starts nothing.
func New(c Config) *Broker {
	return &Broker{Config: c, router: directory.Router{
		Patients: c.Patients, Organisations: c.Organisations, Postcodes: c.Postcodes,
		AcceptUnknown: c.AcceptUnknownPatients,
	}}
}

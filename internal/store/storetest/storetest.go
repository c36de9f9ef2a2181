// Package storetest is the suite that every store passes: what the consumers'
// interfaces promise in prose, as tests. It knows nothing of how a store keeps
// things.
package storetest

import (
	"context"
	"io"
	"iter"
	"sync"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Store is everything that consumers declare, together.
type Store interface {
	NextPosition() store.EventID
	Moment(p store.EventID) time.Time
	AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error)
	EventMessage(ctx context.Context, event store.EventID) ([]byte, error)
	Event(ctx context.Context, event store.EventID) (store.Event, error)
	PendingEvents(ctx context.Context, after store.EventID, max int) ([]store.EventID, error)
	RouteEvent(ctx context.Context, r store.Routing) (store.Receipt, error)
	Unrouted(ctx context.Context) (store.Unrouted, error)
	PatientChanges(ctx context.Context, from int64, max int) (store.PatientChanges, error)

	Subscribe(ctx context.Context, s subscription.Subscription, e audit.Entry) error
	SubscribeAll(ctx context.Context, all []store.Creation) ([]error, error)
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	Subscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error)
	AllSubscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error)
	CountSubscriptions(ctx context.Context, q store.SubscriptionQuery) (store.Count, error)
	Approve(ctx context.Context, id subscription.ID, e audit.Entry) error
	Delete(ctx context.Context, id subscription.ID, e audit.Entry) error
	DeleteAll(ctx context.Context, all []store.Deletion) ([]error, error)

	PutMailbox(ctx context.Context, m store.Mailbox) (int64, error)
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	Mailboxes(ctx context.Context) ([]store.Mailbox, error)
	Lookup(ctx context.Context, ods string) ([]store.Mailbox, error)
	PutWorkflow(ctx context.Context, w store.Workflow) error
	Restricted(ctx context.Context, workflow string) (store.Workflow, bool, error)

	List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error)
	Count(ctx context.Context, mailbox int64) (int, error)
	Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error)
	History(ctx context.Context, mailbox int64, since time.Time, before store.EventID, max int) ([]store.Message, error)
	Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error
	Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error
	PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error)
	Complete(ctx context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (bool, error)
	SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error)
	Outbox(ctx context.Context, sender string, since time.Time, before store.EventID, max int) ([]store.Message, error)
	SetStatus(ctx context.Context, m store.Message, report *store.Message) error
	Overdue(ctx context.Context, now time.Time, max int) ([]store.Message, error)
	Purge(ctx context.Context, before time.Time, max int) (int, error)
	Reset(ctx context.Context, mailbox int64) error
	UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error)

	ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Lane, error)
	WaitingDeliveries(ctx context.Context, l store.Lane, max int) ([]store.Delivery, error)
	Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error
	ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error
	ReportDelivery(ctx context.Context, r store.DeliveryReport) error
	Backlogs(ctx context.Context, max int) ([]store.Backlog, error)
	Uncollected(ctx context.Context, max int) ([]store.Uncollected, error)
	ParkedHere(ctx context.Context, max int) ([]store.ParkedHere, error)
	Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error)
	Delivery(ctx context.Context, id string) (store.Delivery, error)
	RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
	ParkDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
	ResendDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error

	PutSystem(ctx context.Context, s store.System, e audit.Entry) error
	RevokeSystem(ctx context.Context, asid nhs.ASID, e audit.Entry) error
	System(ctx context.Context, asid nhs.ASID) (store.System, error)
	Systems(ctx context.Context) ([]store.System, error)
	PutLifeCycle(ctx context.Context, l store.LifeCycle, e audit.Entry) error
	LifeCycles(ctx context.Context) ([]store.LifeCycle, error)
	RegistryVersion(ctx context.Context) (int64, error)
	PutWitness(ctx context.Context, name string, value []byte) error
	Witness(ctx context.Context, name string) ([]byte, error)

	Overview(ctx context.Context, latest int) (store.Overview, error)
	Record(e audit.Entry)
	RecordRoom(mailbox string) error
	Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error]
	Heads(ctx context.Context) ([]audit.Head, error)
	LastCommit(ctx context.Context) (time.Time, error)
	Housekeep(ctx context.Context) error
	QuotaUse(ctx context.Context, q store.QuotaQuery) ([]store.QuotaUse, error)
	QuotaRefusals(q store.Quota) uint64
	RecountQuotas(ctx context.Context) ([]store.QuotaDrift, error)
	Lead(ctx context.Context, task string, lease time.Duration) (bool, error)
}

// Fixture is one database, empty at first.
type Fixture interface {
	// Open opens the database with this clock and runs the store until Stop,
	// Crash or the end of the test. Leases go by Steady.
	Open(t *testing.T, c *Clock) Store
	// Limit sets the quotas of the stores that are opened from now on.
	Limit(q store.Quotas)
	// Stop ends the open store in order.
	Stop(t *testing.T)
	// Crash ends the open store so that the next Open finds what was on disk at
	// this moment, as after kill -9.
	Crash(t *testing.T)
}

// Run runs the suite; each test gets a fixture of its own.
func Run(t *testing.T, fresh func(t *testing.T) Fixture) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, w *world)
	}{
		{"EventIsDeliveredUnchanged", eventIsDeliveredUnchanged},
		{"MatchingSituations", matchingSituations},
		{"MatchingTogether", matchingTogether},
		{"Filters", filters},
		{"CrowdedKey", crowdedKey},
		{"LargeBody", largeBody},
		{"Withheld", withheld},
		{"EventPatient", eventPatient},
		{"Idempotency", idempotency},
		{"Deferred", deferred},
		{"DeferredAsOfAcceptance", deferredAsOfAcceptance},
		{"DeferredToMany", deferredToMany},
		{"PatientChanges", patientChanges},
		{"FanOut", fanOut},
		{"FanOutSurvivesCrash", fanOutSurvivesCrash},
		{"DuplicateSubscriptions", duplicateSubscriptions},
		{"ManyAtOnce", manyAtOnce},
		{"EndedSubscriptions", endedSubscriptions},
		{"Approval", approval},
		{"ListingSubscriptions", listingSubscriptions},
		{"Searches", searches},
		{"Overviews", overviews},
		{"LargeOverviews", largeOverviews},
		{"InboxPages", inboxPages},
		{"Acknowledging", acknowledging},
		{"MailboxesAndWorkflows", mailboxesAndWorkflows},
		{"MailboxIDs", mailboxIDs},
		{"Sending", sending},
		{"SendingInChunks", sendingInChunks},
		{"BrokenUploads", brokenUploads},
		{"Reports", reports},
		{"OverdueCopies", overdueCopies},
		{"Retention", retention},
		{"ClockPutRight", clockPutRight},
		{"Resetting", resetting},
		{"Claims", claims},
		{"LapsedClaims", lapsedClaims},
		{"ClaimsOutlastJumps", claimsOutlastJumps},
		{"ClockSetBack", clockSetBack},
		{"LongWork", longWork},
		{"MovingDeliveries", movingDeliveries},
		{"RetainedDeliveries", retainedDeliveries},
		{"ResendHere", resendHere},
		{"NotRegistered", notRegistered},
		{"NotRegisteredForLong", notRegisteredForLong},
		{"NotRegisteredLater", notRegisteredLater},
		{"SubscriptionQuotas", subscriptionQuotas},
		{"MailboxQuotas", mailboxQuotas},
		{"UploadQuotas", uploadQuotas},
		{"CollectedBodies", collectedBodies},
		{"Nonces", nonces},
		{"Replayed", replayed},
		{"Registry", registry},
		{"Witnesses", witnesses},
		{"AuditVerifies", auditVerifies},
		{"LastCommit", lastCommit},
		{"Interactions", interactions},
		{"NoRoom", noRoom},
		{"Reopening", reopening},
		{"KilledUnderLoad", killedUnderLoad},
		{"Linearizable", linearizable},
		{"Histories", histories},
		{"WaitingEnds", waitingEnds},
		{"ClosedStore", closedStore},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{T: t, fixture: fresh(t), clock: &Clock{at: epoch}}
			w.reopen()
			test.run(t, w)
		})
	}
}

// epoch is when the clocks of the tests start.
var epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// Clock is business time that moves when told to. Safe for concurrent use.
type Clock struct {
	mu    sync.Mutex
	at    time.Time
	wrong time.Duration // by which it was set
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Add(c.wrong)
}

// Steady is how much time has passed, whatever the clock was set to.
func (c *Clock) Steady() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Sub(epoch)
}

// Server is the time on a clock that nobody set, as the database server's.
func (c *Clock) Server() time.Time { return epoch.Add(c.Steady()) }

func (c *Clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// jump sets the clock forward or back: no time passes.
func (c *Clock) jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong += by
}

// eventually waits for a condition that the store brings about by itself.
func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	Eventually(w.T, what, holds)
}

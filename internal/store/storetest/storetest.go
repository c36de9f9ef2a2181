// Package storetest is the suite that every store passes: what the consumers'
// interfaces promise in prose, as tests. It knows nothing of how a store keeps
// things.
package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"nems/internal/database"
	"nems/internal/store"
)

// Store is what a node asks of its database, and one thing that only tests ask.
type Store interface {
	database.Store
	// Housekeep does at once what Run does from time to time: it ends
	// subscriptions, and removes what retention allows.
	Housekeep(ctx context.Context) error
}

// Fixture is one database, empty at first.
type Fixture interface {
	// Open opens the database with this clock and runs the store until Stop,
	// Crash or the end of the test. Leases go by Steady.
	Open(t *testing.T, c *Clock) Store
	// Limit sets the quotas of the stores that are opened from now on.
	Limit(q store.Quotas)
	// Spoil damages what is stored of every subscription, behind the back of the
	// open store.
	Spoil(t *testing.T, what Spoiled)
	// Stop ends the open store in order.
	Stop(t *testing.T)
	// Crash ends the open store so that the next Open finds what was on disk at
	// this moment, as after kill -9.
	Crash(t *testing.T)
}

// Run runs the suite; each test gets a fixture of its own.
func Run(t *testing.T, fresh func(t *testing.T) Fixture) { RunSome(t, fresh) }

// RunSome runs the tests of these names; without any, the whole suite.
func RunSome(t *testing.T, fresh func(t *testing.T) Fixture, names ...string) {
	t.Helper()
	missing := slices.Clone(names)
	for _, test := range suite() {
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == test.name })
		if len(names) > 0 && !slices.Contains(names, test.name) {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			th := &harness{T: t, fixture: fresh(t), clock: &Clock{at: epoch}}
			th.reopen()
			test.run(t, th)
		})
	}
	if len(missing) > 0 {
		t.Errorf("the suite has no tests %v", missing)
	}
}

// member is a test of the suite.
type member struct {
	name string
	run  func(t *testing.T, th *harness)
}

func suite() []member {
	return []member{
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
		{"RecordsWaiting", recordsWaiting},
		{"PatientRecords", patientRecords},
		{"RecordRaces", recordRaces},
		{"FindingRecords", findingRecords},
		{"FanOut", fanOut},
		{"FanOutSurvivesCrash", fanOutSurvivesCrash},
		{"DuplicateSubscriptions", duplicateSubscriptions},
		{"ManyAtOnce", manyAtOnce},
		{"EndedSubscriptions", endedSubscriptions},
		{"Approval", approval},
		{"Endings", endings},
		{"Suspensions", suspensions},
		{"SuspendedOwners", suspendedOwners},
		{"Shortfalls", shortfalls},
		{"Replaced", replaced},
		{"Everybody", everybody},
		{"ListingSubscriptions", listingSubscriptions},
		{"Quarantined", quarantined},
		{"Searches", searches},
		{"Overviews", overviews},
		{"LargeOverviews", largeOverviews},
		{"InboxPages", inboxPages},
		{"Acknowledging", acknowledging},
		{"MailboxesAndWorkflows", mailboxesAndWorkflows},
		{"MailboxIDs", mailboxIDs},
		{"Sending", sending},
		{"SendingInChunks", sendingInChunks},
		{"ChunkPutTwiceAtOnce", chunkPutTwiceAtOnce},
		{"BrokenUploads", brokenUploads},
		{"Reports", reports},
		{"OverdueCopies", overdueCopies},
		{"Retention", retention},
		{"TypeRetention", typeRetention},
		{"KeptEvents", keptEvents},
		{"ClockPutRight", clockPutRight},
		{"Resetting", resetting},
		{"Claims", claims},
		{"EndpointLanes", endpointLanes},
		{"EndpointChanges", endpointChanges},
		{"Brought", brought},
		{"BroughtHeld", heldAddresses},
		{"BroughtIdle", idleEndpoints},
		{"BroughtAtOnce", broughtAtOnce},
		{"Numbering", numbering},
		{"NumberingAtOnce", numberingAtOnce},
		{"NumbersRetained", numbersRetained},
		{"NumberingKept", numberingKept},
		{"TakingEvents", takingEvents},
		{"TakingAtOnce", takingAtOnce},
		{"Standing", standing},
		{"Held", held},
		{"ManyDelayed", manyDelayed},
		{"LapsedClaims", lapsedClaims},
		{"SettlingAtOnce", settlingAtOnce},
		{"MostUncertain", mostUncertain},
		{"DueFirst", dueFirst},
		{"ClaimsOutlastJumps", claimsOutlastJumps},
		{"ClockSetBack", clockSetBack},
		{"LongWork", longWork},
		{"MovingDeliveries", movingDeliveries},
		{"RetainedDeliveries", retainedDeliveries},
		{"ResendHere", resendHere},
		{"ReplayMoves", replayMoves},
		{"ReplayElsewhere", replayElsewhere},
		{"ReplayEarlier", replayEarlier},
		{"ReplayNumbers", replayNumbers},
		{"ReplayClaims", replayClaims},
		{"ReplayChanges", replayChanges},
		{"ReplaysKept", replaysKept},
		{"ReplayHolds", replayHolds},
		{"ReplayHoldsNobodyElse", replayHoldsNobodyElse},
		{"Backlogs", backlogs},
		{"WaitingHere", waitingHere},
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
		{"Controllers", controllers},
		{"Witnesses", witnesses},
		{"Refusals", refusals},
		{"Sessions", sessions},
		{"AcceptedEvents", acceptedEvents},
		{"ExplainedCopies", explainedCopies},
		{"FoundEvents", foundEvents},
		{"MessageIDs", messageIDs},
		{"CountsOverTime", countsOverTime},
		{"AuditVerifies", auditVerifies},
		{"AuditSpans", auditSpans},
		{"AuditPatients", auditPatients},
		{"OperatorsPages", operatorsPages},
		{"LastCommit", lastCommit},
		{"CommitterStats", committerStats},
		{"Leading", leading},
		{"SearchKeys", searchKeys},
		{"Interactions", interactions},
		{"NoRoom", noRoom},
		{"Reopening", reopening},
		{"KilledUnderLoad", killedUnderLoad},
		{"Linearizable", linearizable},
		{"Histories", histories},
		{"WaitingEnds", waitingEnds},
		{"ClosedStore", closedStore},
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
func (th *harness) eventually(what string, holds func() bool) {
	th.Helper()
	Eventually(th.T, what, holds)
}

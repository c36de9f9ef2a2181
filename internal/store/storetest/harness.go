package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// harness is a test's view of a store, in the words of the tests.
type harness struct {
	*testing.T
	Store
	fixture Fixture
	clock   *Clock
}

func (th *harness) reopen() { th.Store = th.fixture.Open(th.T, th.clock) }

func (th *harness) ctx() context.Context { return th.Context() }

// must stops the test when something failed that has to work.
func (th *harness) must(err error) {
	th.Helper()
	if err != nil {
		th.Fatal(err)
	}
}

func (th *harness) wantError(what string, err, want error) {
	th.Helper()
	if !errors.Is(err, want) {
		th.Errorf("%s: expected %v, got %v", what, want, err)
	}
}

// deliveries lists what a query selects.
func (th *harness) deliveries(q store.DeliveryQuery) ([]store.Delivery, error) {
	page, err := th.DeliveryPage(th.ctx(), q)
	return page.Found, err
}

// mailbox makes a hosted mailbox and returns its row.
func (th *harness) mailbox(id string) int64 {
	th.Helper()
	row, err := th.PutMailbox(th.ctx(), store.Mailbox{ID: id, Name: "Box " + id, ODS: "RR8", Password: "password"})
	th.must(err)
	return row
}

// Patients of the tests, all synthetic.
var (
	jack  = number("9912003888")
	other = number("9434765919")
)

func number(s string) nhs.NHSNumber {
	n, err := nhs.ParseNHSNumber(s)
	if err != nil {
		panic(err) // a constant of the tests
	}
	return n
}

const vaccination = "vaccinations-1"

// subscription makes one from the criteria after "type=message".
func (th *harness) subscription(mailbox, criteria string) subscription.Subscription {
	th.Helper()
	return Subscribing(th.T, th.clock.Now(), mailbox, criteria)
}

func ofPatient(n nhs.NHSNumber, events ...string) string {
	return "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + n.Digits() + ofEvents(events)
}

func ofRule(rule, organisation string, events ...string) string {
	return "&serviceType=GP&Organization.identifier=" + organisation + "&subscriptionRuleType=" + rule + ofEvents(events)
}

func ofEvents(events []string) string {
	s := ""
	for _, e := range events {
		s += "&MessageHeader.event=" + e
	}
	return s
}

// subscribe creates an active subscription.
func (th *harness) subscribe(mailbox, criteria string) subscription.Subscription {
	th.Helper()
	s := th.subscription(mailbox, criteria)
	th.must(th.Subscribe(th.ctx(), s, entry("subscribe")))
	return s
}

func entry(action audit.Action) audit.Entry {
	return audit.Entry{At: epoch, Action: action, ASID: "200000000115", ODS: "RR8", Patient: jack, Status: 200}
}

// acceptance is an event about a patient, found under that patient alone.
func (th *harness) acceptance(n nhs.NHSNumber, message []byte) store.Acceptance {
	a := EventAbout(th.NextPosition(), n, store.Compress(message, sha256.Sum256(message)))
	a.Audit = entry("publish")
	return a
}

// publish accepts an event about jack, changed by options.
func (th *harness) publish(change ...func(*store.Acceptance)) store.Receipt {
	th.Helper()
	a := th.acceptance(jack, message(1))
	for _, c := range change {
		c(&a)
	}
	r, err := th.AcceptEvent(th.ctx(), a)
	th.must(err)
	return r
}

// message is the nth of an endless row of different messages.
func message(n int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("<Bundle xmlns=\"http://hl7.org/fhir\"><id value=\"%d\"/></Bundle>", n), 40))
}

// inbox lists all unread messages of a mailbox, with all that is known of them.
func (th *harness) inbox(mailbox int64) []store.Message {
	th.Helper()
	page, err := th.List(th.ctx(), store.InboxQuery{Mailbox: mailbox, Max: 1 << 20})
	th.must(err)
	all := make([]store.Message, len(page))
	for i, listed := range page {
		all[i], err = th.Message(th.ctx(), mailbox, listed.Position)
		th.must(err)
		if all[i].Workflow != listed.Workflow {
			th.Errorf("listed with workflow %q: %+v", listed.Workflow, all[i])
		}
	}
	return all
}

// wantInbox compares the positions in an inbox.
func (th *harness) wantInbox(what string, mailbox int64, want ...store.EventID) {
	th.Helper()
	var got []store.EventID
	for _, m := range th.inbox(mailbox) {
		got = append(got, m.Position)
	}
	if !slices.Equal(got, want) {
		th.Errorf("%s: expected positions %v in the inbox, got %v", what, want, got)
	}
}

// download reads a chunk.
func (th *harness) download(m store.Message, n int) []byte {
	th.Helper()
	var b bytes.Buffer
	th.must(th.Chunk(th.ctx(), &m, n, &b))
	return b.Bytes()
}

// verify checks the whole audit and returns the report.
func (th *harness) verify(checkpoints ...audit.Checkpoint) audit.Report {
	th.Helper()
	r, err := audit.Verify(th.Links(th.ctx(), time.Time{}, time.Time{}), checkpoints)
	th.must(err)
	for _, p := range r.Problems {
		th.Errorf("audit: %s", p)
	}
	return r
}

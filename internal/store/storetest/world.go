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

// world is a test's view of a store, in the words of the tests.
type world struct {
	*testing.T
	Store
	fixture Fixture
	clock   *Clock
}

func (w *world) reopen() { w.Store = w.fixture.Open(w.T, w.clock) }

func (w *world) ctx() context.Context { return w.Context() }

// must stops the test when something failed that has to work.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) wantError(what string, err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("%s: expected %v, got %v", what, want, err)
	}
}

// deliveries lists what a query selects.
func (w *world) deliveries(q store.DeliveryQuery) ([]store.Delivery, error) {
	page, err := w.DeliveryPage(w.ctx(), q)
	return page.Found, err
}

// mailbox makes a hosted mailbox and returns its row.
func (w *world) mailbox(id string) int64 {
	w.Helper()
	row, err := w.PutMailbox(w.ctx(), store.Mailbox{ID: id, Name: "Box " + id, ODS: "RR8", Password: "password"})
	w.must(err)
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
func (w *world) subscription(mailbox, criteria string) subscription.Subscription {
	w.Helper()
	return Subscribing(w.T, w.clock.Now(), mailbox, criteria)
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
func (w *world) subscribe(mailbox, criteria string) subscription.Subscription {
	w.Helper()
	s := w.subscription(mailbox, criteria)
	w.must(w.Subscribe(w.ctx(), s, entry("subscribe")))
	return s
}

func entry(action audit.Action) audit.Entry {
	return audit.Entry{At: epoch, Action: action, ASID: "200000000115", ODS: "RR8", Patient: jack, Status: 200}
}

// acceptance is an event about a patient, found under that patient alone.
func (w *world) acceptance(n nhs.NHSNumber, message []byte) store.Acceptance {
	a := EventAbout(w.NextPosition(), n, store.Compress(message, sha256.Sum256(message)))
	a.Audit = entry("publish")
	return a
}

// publish accepts an event about jack, changed by options.
func (w *world) publish(change ...func(*store.Acceptance)) store.Receipt {
	w.Helper()
	a := w.acceptance(jack, message(1))
	for _, c := range change {
		c(&a)
	}
	r, err := w.AcceptEvent(w.ctx(), a)
	w.must(err)
	return r
}

// message is the nth of an endless row of different messages.
func message(n int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("<Bundle xmlns=\"http://hl7.org/fhir\"><id value=\"%d\"/></Bundle>", n), 40))
}

// inbox lists all unread messages of a mailbox, with all that is known of them.
func (w *world) inbox(mailbox int64) []store.Message {
	w.Helper()
	page, err := w.List(w.ctx(), store.InboxQuery{Mailbox: mailbox, Max: 1 << 20})
	w.must(err)
	all := make([]store.Message, len(page))
	for i, listed := range page {
		all[i], err = w.Message(w.ctx(), mailbox, listed.Position)
		w.must(err)
		if all[i].Workflow != listed.Workflow {
			w.Errorf("listed with workflow %q: %+v", listed.Workflow, all[i])
		}
	}
	return all
}

// wantInbox compares the positions in an inbox.
func (w *world) wantInbox(what string, mailbox int64, want ...store.EventID) {
	w.Helper()
	var got []store.EventID
	for _, m := range w.inbox(mailbox) {
		got = append(got, m.Position)
	}
	if !slices.Equal(got, want) {
		w.Errorf("%s: expected positions %v in the inbox, got %v", what, want, got)
	}
}

// download reads a chunk.
func (w *world) download(m store.Message, n int) []byte {
	w.Helper()
	var b bytes.Buffer
	w.must(w.Chunk(w.ctx(), &m, n, &b))
	return b.Bytes()
}

// verify checks the whole audit and returns the report.
func (w *world) verify(checkpoints ...audit.Checkpoint) audit.Report {
	w.Helper()
	r, err := audit.Verify(w.Links(w.ctx(), time.Time{}, time.Time{}), checkpoints)
	w.must(err)
	for _, p := range r.Problems {
		w.Errorf("audit: %s", p)
	}
	return r
}

package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/subscription"
)

// runNode opens a store and runs it until the test ends.
func runNode(tb testing.TB, dsn string) *postgres.DB {
	tb.Helper()
	db, err := postgres.Open(context.Background(), dsn, postgres.Options{Migrate: true})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := db.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// hosted makes a mailbox and returns its row.
func hosted(tb testing.TB, db *postgres.DB, id string) int64 {
	tb.Helper()
	row, err := db.PutMailbox(tb.Context(), store.Mailbox{ID: id, ODS: "RR8", Password: "password"})
	if err != nil {
		tb.Fatal(err)
	}
	return row
}

// numbered returns the nth of a row of valid NHS numbers.
func numbered(n int) nhs.NHSNumber {
	for i := 0; ; i++ {
		nine := fmt.Sprintf("9%06d%02d", n, i)
		sum := 0
		for j := range 9 {
			sum += int(nine[j]-'0') * (10 - j)
		}
		number, err := nhs.ParseNHSNumber(fmt.Sprintf("%s%d", nine, (11-sum%11)%11))
		if err == nil {
			return number
		}
	}
}

// aboutPatient is a subscription to a patient's vaccinations.
func aboutPatient(tb testing.TB, n nhs.NHSNumber, mailbox string) subscription.Subscription {
	tb.Helper()
	c, err := subscription.ParseCriteria("/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" +
		n.Digits() + "&MessageHeader.event=vaccinations-1")
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	return subscription.Subscription{ID: subscription.NewID(now), ASID: "200000000115", ODS: "RR8", Mailbox: mailbox,
		Criteria: c, Status: subscription.Active, Reason: "test", Created: now, Version: 1}
}

// eventAbout is an event about a patient. Its body is stored as it is.
func eventAbout(db *postgres.DB, n nhs.NHSNumber, body []byte) store.Acceptance {
	id := db.NextPosition()
	return store.Acceptance{
		Event: id, Code: "vaccinations-1", Kind: "new", Workflow: "VACCINATIONS_1", MessageID: "3cfdf880-13e9-4f6b-8299-53e96ef5ec02",
		Publisher: "300000000161", Body: store.Body{Codec: store.Plain, Data: body, Size: len(body), SHA256: sha256.Sum256(body)},
		Facts: subscription.Facts{EventCode: "vaccinations-1", At: id.Time(),
			Keys: []subscription.RouteKey{{Kind: subscription.ByPatient, Value: n.Digits()}}},
		Audit: audit.Entry{At: id.Time(), Action: "publish", ASID: "300000000161", ODS: "A83627", Patient: n, Status: 202},
	}
}

// wantKept compares what is kept of an event: its message, and one copy.
func wantKept(tb testing.TB, db *postgres.DB, box int64, a store.Acceptance, want bool) {
	tb.Helper()
	body, err := db.EventMessage(tb.Context(), a.Event)
	if kept := err == nil && string(body) == string(a.Body.Data); kept != want || err != nil && !errors.Is(err, store.ErrNotFound) {
		tb.Errorf("message kept: %v, expected %v (%v)", kept, want, err)
	}
	_, err = db.Message(tb.Context(), box, a.Event)
	if kept := err == nil; kept != want || err != nil && !errors.Is(err, store.ErrNotFound) {
		tb.Errorf("copy kept: %v, expected %v (%v)", kept, want, err)
	}
}

// eventually waits for a condition that comes about by itself.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline.C:
			tb.Fatalf("still not: %s", what)
		}
	}
}

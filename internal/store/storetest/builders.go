package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Serve runs an open store until stop is called, or the test ends, and closes it
// then. stop may be called again.
func Serve(tb testing.TB, db interface {
	Run(context.Context) error
	Close() error
}) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := db.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

// Numbered returns the nth of a million different NHS numbers.
func Numbered(n int) nhs.NHSNumber {
	for i := 0; ; i++ {
		nine := fmt.Sprintf("9%06d%02d", n%1_000_000, i)
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

// Subscribing is an active subscription of the dev world's subscriber; criteria
// is what follows "type=message".
func Subscribing(tb testing.TB, at time.Time, mailbox, criteria string) subscription.Subscription {
	tb.Helper()
	c, err := subscription.ParseCriteria("/Bundle?type=message" + criteria)
	if err != nil {
		tb.Fatal(err)
	}
	return subscription.Subscription{
		ID: subscription.NewID(at), ASID: "200000000115", ODS: "RR8", Mailbox: mailbox, Criteria: c,
		Status: subscription.Active, Reason: "test", Created: at, Version: 1,
	}
}

// AboutPatient is a subscription to a patient's vaccinations.
func AboutPatient(tb testing.TB, n nhs.NHSNumber, mailbox string) subscription.Subscription {
	tb.Helper()
	return Subscribing(tb, time.Now(), mailbox, ofPatient(n, vaccination))
}

// EventAbout is a vaccination, found under its patient alone.
func EventAbout(id store.EventID, n nhs.NHSNumber, body store.Body) store.Acceptance {
	at := new(store.Moments).Of(id)
	return store.Acceptance{
		Event: id, Code: vaccination, Kind: "new", Workflow: "VACCINATIONS_1", MessageID: "3cfdf880-13e9-4f6b-8299-53e96ef5ec02",
		Publisher: "300000000161", Body: body,
		Facts: subscription.Facts{EventCode: vaccination, At: at,
			Keys: []subscription.RouteKey{{Kind: subscription.ByPatient, Value: n.Digits()}}},
		Audit: audit.Entry{At: at, Action: "publish", ASID: "300000000161", ODS: "A83627", Patient: n, Status: 202},
	}
}

// Eventually waits for a condition that comes about by itself.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline.C:
			tb.Fatalf("still not: %s", what)
		}
	}
}

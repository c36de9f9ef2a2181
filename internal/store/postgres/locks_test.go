package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// Days are made and dropped while two nodes accept events with bodies in pieces, send
// copies, move and list them, and keep house: all lock tables in one order, so that
// nobody ever has to be rolled back.
func TestOneOrderOfLocks(t *testing.T) {
	dsn := pgtest.Boot(t, "deadlock_timeout=50ms").Database(t)
	nodes := []*postgres.DB{runNode(t, dsn), runNode(t, dsn)}
	if _, err := nodes[0].PutMailbox(t.Context(), store.Mailbox{ID: "FAR", ODS: "RR8", Remote: true}); err != nil {
		t.Fatal(err)
	}
	patient := storetest.Numbered(1)
	if err := nodes[0].Subscribe(t.Context(), storetest.AboutPatient(t, patient, "FAR"), eventAbout(nodes[0], patient, nil).Audit); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var busy sync.WaitGroup
	again := func(what string, f func(db *postgres.DB) error) {
		for _, db := range nodes {
			busy.Go(func() {
				for ctx.Err() == nil {
					if err := f(db); err != nil {
						t.Errorf("%s: %v", what, err)
						return
					}
				}
			})
		}
	}
	large := bytes.Repeat([]byte("<x/>"), store.MaxPiece/2)
	again("publishing", func(db *postgres.DB) error {
		_, err := db.AcceptEvent(t.Context(), eventAbout(db, patient, large))
		return err
	})
	again("sending", func(db *postgres.DB) error { return carry(t, db) })
	again("listing", func(db *postgres.DB) error {
		_, err := db.Deliveries(t.Context(), store.DeliveryQuery{Mailbox: "FAR", Max: 10})
		return err
	})
	again("moving", func(db *postgres.DB) error { return moveAbout(t, db) })
	again("keeping house", func(db *postgres.DB) error { return db.Housekeep(t.Context()) })
	today := time.Now().Unix() / int64(24*time.Hour/time.Second)
	for n := range int64(15) {
		db := nodes[n%2]
		if err := db.MakeDay(t.Context(), today+10+n); err != nil {
			t.Fatal(err)
		}
		if err := db.DropDay(t.Context(), today+10+n); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	busy.Wait()
	if n := pgtest.SQL(t, dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); n != "0" {
		t.Errorf("transactions that waited for each other: %s", n)
	}
}

// carry sends what waits, and hears what became of it.
func carry(t *testing.T, db *postgres.DB) error {
	lanes, err := db.ClaimLanes(t.Context(), fmt.Sprintf("%p", db), time.Minute, 1)
	if err != nil || len(lanes) == 0 {
		return err
	}
	waiting, err := db.WaitingDeliveries(t.Context(), lanes[0], 5)
	if err != nil {
		return err
	}
	for _, d := range waiting {
		d.State, d.At, d.Attempts, d.MESHID = store.Sent, time.Now(), 1, fmt.Sprint("THEIRS", d.Event)
		if err := db.Settle(t.Context(), lanes[0], d, time.Minute); err != nil {
			return err
		}
		report := store.DeliveryReport{LinkedID: d.MESHID, LocalID: d.ID, At: d.At, ErrorCode: "14"}
		if err := db.ReportDelivery(t.Context(), report); err != nil && !errors.Is(err, store.ErrNotFound) { // it was moved again
			return err
		}
	}
	return db.ReleaseLane(t.Context(), lanes[0], time.Now())
}

// moveAbout parks what waits, and has the rest sent anew.
func moveAbout(t *testing.T, db *postgres.DB) error {
	all, err := db.Deliveries(t.Context(), store.DeliveryQuery{Mailbox: "FAR", Max: 10})
	if err != nil {
		return err
	}
	for _, d := range all {
		move := db.ResendDelivery
		switch d.State {
		case store.Waiting:
			move = db.ParkDelivery
		case store.Parked:
			move = db.RetryDelivery
		}
		err := move(t.Context(), d.ID, time.Now(), eventAbout(db, storetest.Numbered(1), nil).Audit)
		if err != nil && !errors.Is(err, store.ErrNotFound) { // another has moved it
			return err
		}
	}
	return nil
}

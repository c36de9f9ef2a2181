package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/storetest"
)

// runNode opens a store and runs it until the test ends.
func runNode(tb testing.TB, dsn string) *postgres.DB {
	tb.Helper()
	db, err := postgres.Open(context.Background(), dsn, postgres.Options{Migrate: true})
	if err != nil {
		tb.Fatal(err)
	}
	storetest.Serve(tb, db)
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

// subscribed makes a mailbox that hears of a patient.
func subscribed(tb testing.TB, db *postgres.DB) (box int64, patient nhs.NHSNumber) {
	tb.Helper()
	box, patient = hosted(tb, db, "A"), storetest.Numbered(1)
	if err := db.Subscribe(tb.Context(), storetest.AboutPatient(tb, patient, "A"), eventAbout(db, patient, nil).Audit); err != nil {
		tb.Fatal(err)
	}
	return box, patient
}

// eventAbout is an event about a patient. Its body is stored as it is.
func eventAbout(db *postgres.DB, n nhs.NHSNumber, body []byte) store.Acceptance {
	return storetest.EventAbout(db.NextPosition(), n, store.Body{Codec: store.Plain, Data: body, Size: len(body), SHA256: sha256.Sum256(body)})
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

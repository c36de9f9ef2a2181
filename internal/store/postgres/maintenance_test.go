package postgres_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// Whoever makes or drops a day's partitions locks event first and collected after
// it. Collecting looks at both, and must never hold the second while it waits for
// the first: one of the two would be thrown out as a deadlock.
func TestCollectingBesideMaintenance(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	db := runNode(t, dsn)
	box, patient := subscribed(t, db)
	a := eventAbout(db, patient, []byte("message"))
	a.Patient = patient
	if _, err := db.AcceptEvent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	look := func() error {
		m, err := db.Message(t.Context(), box, a.Event)
		if err == nil {
			err = db.Chunk(t.Context(), &m, 1, io.Discard)
		}
		return err
	}
	for range 50 { // until its plans are for all parameters, which may lock in another order
		if err := look(); err != nil {
			t.Fatal(err)
		}
	}
	for name, collect := range map[string]func() error{
		"download": look,
		"acknowledge": func() error {
			return db.Acknowledge(t.Context(), box, a.Event, time.Now(), &audit.Entry{Action: "acknowledge"})
		},
	} {
		t.Run(name, func(t *testing.T) { beside(t, dsn, collect) })
	}
}

// beside does something while event is locked, and locks collected meanwhile.
func beside(t *testing.T, dsn string, do func() error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	lock := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	lock("BEGIN")
	lock("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
	done := make(chan error, 1)
	go func() { done <- do() }()
	storetest.Eventually(t, "it waits for event", func() bool {
		var waiting bool
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'event'::regclass AND pid <> pg_backend_pid())`).Scan(&waiting)
		return err == nil && waiting
	})
	lock("LOCK TABLE collected IN ACCESS EXCLUSIVE MODE")
	lock("COMMIT")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

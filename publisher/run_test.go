package publisher_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"nems/internal/store/postgres/pgtest"
	"nems/publisher"
	"nems/publisher/embedded"
)

// Run sends what is added while it runs, and ends when it is told to.
func TestRun(t *testing.T) {
	nems := newService(t)
	o, err := embedded.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), publisher.Config{Client: nems.client(), Poll: time.Hour, Retention: time.Hour})
	must(t, err)
	defer o.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	for range 3 {
		arrived := make(chan struct{})
		nems.during(func() { close(arrived) })
		_, err := o.AddNow(t.Context(), vaccination(t, jack, time.Now()))
		must(t, err)
		<-arrived
	}
	cancel()
	must(t, <-ended)
	counts, err := o.Count(t.Context())
	if must(t, err); counts[publisher.Sent] != 3 {
		t.Errorf("the counts are %v: what was on its way is settled before Run ends", counts)
	}
}

func TestEmbeddedStaysAndFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a ? folder & file.db")
	for range 2 {
		o, err := embedded.Open(t.Context(), file, publisher.Config{Client: newService(t).client()})
		must(t, err)
		_, err = o.AddNow(t.Context(), vaccination(t, jack, epoch))
		must(t, err)
		counts, err := o.Count(t.Context())
		must(t, err)
		must(t, o.Close())
		if counts[publisher.Waiting] == 0 {
			t.Fatalf("the counts are %v", counts)
		}
	}
	if _, err := embedded.Open(t.Context(), filepath.Join(t.TempDir(), "none", "outbox.db"), publisher.Config{Client: w0()}); err == nil {
		t.Error("a file in no folder was opened")
	}
	if _, err := embedded.Open(t.Context(), file, publisher.Config{}); err == nil {
		t.Error("an outbox without a client was opened")
	}
}

// The order of a patient's messages is that of the commits: a transaction that adds a second one
// waits for the first one's, because a sender could otherwise see the second alone.
func TestOrderOfCommits(t *testing.T) {
	dsn, nems := pgtest.Shared(t).Database(t), newService(t)
	db, err := sql.Open("pgx", dsn)
	must(t, err)
	defer db.Close()
	o, err := publisher.New(publisher.Config{DB: db, Dialect: publisher.PostgreSQL, Client: nems.client()})
	must(t, err)
	must(t, o.Migrate(t.Context()))
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	first, err := o.Add(t.Context(), tx, vaccination(t, jack, epoch))
	must(t, err)
	second := make(chan string, 1)
	go func() {
		id, err := o.AddNow(t.Context(), vaccination(t, jack, epoch))
		if err != nil {
			t.Error(err)
		}
		second <- id
	}()
	for waiting := 0; waiting == 0; {
		must(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`).Scan(&waiting))
	}
	_, err = o.Send(t.Context())
	must(t, err)
	must(t, tx.Commit())
	want := []string{first, <-second}
	_, err = o.Send(t.Context())
	must(t, err)
	if got := nems.stored(); !slices.Equal(got, want) {
		t.Errorf("the service has %q; expected %q", got, want)
	}
}

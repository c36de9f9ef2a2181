package pgserver_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"nems/internal/pgserver"
)

// Whatever a synchronous primary has acknowledged is on the standby that takes
// over when the primary is killed, and the killed server can become its
// standby.
func TestPrimaryKilledAndRebuilt(t *testing.T) {
	primary, standby := boot(t), boot(t)
	steps := []func() error{
		primary.Init, func() error { return primary.Start() },
		func() error { return standby.Copy(primary) }, func() error { return standby.Start() },
		func() error { return primary.Synchronous(true) },
		func() error { return ask(primary, "CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (1)") },
		func() error { primary.Kill(); return nil },
		standby.Promote, func() error { return standby.Synchronous(false) },
		func() error { return ask(standby, "INSERT INTO kept SELECT x + 1 FROM kept") },
		func() error { return primary.Copy(standby) }, func() error { return primary.Start() },
		func() error { return standby.Synchronous(true) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	primary.Halt()
	primary.Resume()
	got, err := pgserver.SQL(t.Context(), standby.DSN("postgres", "postgres"), "SELECT x FROM kept ORDER BY x")
	if got != "1 2" || err != nil {
		t.Errorf("kept: %q, %v", got, err)
	}
}

func ask(s *pgserver.Server, statements ...string) error {
	_, err := pgserver.SQL(context.Background(), s.DSN("postgres", "postgres"), statements...)
	return err
}

func boot(t *testing.T) *pgserver.Server {
	t.Helper()
	s, err := pgserver.New("wal_retrieve_retry_interval=100ms")
	if errors.Is(err, pgserver.ErrMissing) && os.Getenv("NEMS_REQUIRE_POSTGRES") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

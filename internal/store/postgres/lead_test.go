package postgres_test

import (
	"context"
	"testing"
	"time"

	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// One node is in charge of a task at a time, as long as it lives and its lease
// lasts; when it ends in an orderly way the next one need not wait for that.
func TestLead(t *testing.T) {
	dsn := pgtest.Boot(t).Database(t)
	first, err := postgres.Open(context.Background(), dsn, postgres.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	end := storetest.Serve(t, first)
	second := runNode(t, dsn)
	want := func(who string, db *postgres.DB, task string, lease time.Duration, want bool) {
		t.Helper()
		if leads, err := db.Lead(t.Context(), task, lease); err != nil || leads != want {
			t.Errorf("%s leads %s: %v, expected %v, %v", who, task, leads, want, err)
		}
	}
	want("the first", first, "a", time.Hour, true)
	want("the first, again,", first, "a", time.Hour, true)
	want("the second", second, "a", time.Hour, false)
	want("the second", second, "b", -time.Second, true) // a lease that has lapsed
	want("the first", first, "b", time.Hour, true)
	end()
	want("the second", second, "a", time.Hour, true)
	want("the second", second, "b", time.Hour, true)
}

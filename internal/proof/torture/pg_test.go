//go:build linux

package main

import (
	"testing"

	"nems/internal/store/postgres/pgtest"
)

// TestTorturePostgres is a short torture of two nodes over one PostgreSQL.
func TestTorturePostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("builds nems and kills it: not with -short")
	}
	pgtest.Require(t)
	rows, err := torture(options{store: onPostgres, seconds: 4, seed: 1, only: "kill-9,before-commit,after-commit", hosted: true}, t.Output())
	if err != nil {
		t.Error(err)
	}
	for _, r := range rows {
		t.Logf("%+v", r)
		if r.Rounds == 0 || r.Acknowledged == 0 {
			t.Errorf("%s: nothing was done", r.Fault)
		}
	}
}

package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/fstest"

	"nems/internal/store"
)

// earlier makes a database as it was before a migration.
func earlier(t *testing.T, path, before string, statements ...string) {
	t.Helper()
	conn, err := openWriter(path, mainAppID, "FULL", 1024)
	if err != nil {
		t.Fatal(err)
	}
	old := fstest.MapFS{}
	for _, name := range migrationNames(mainMigrations) {
		if filepath.Base(name) == before {
			break
		}
		text, err := mainMigrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: text}
	}
	if err := migrate(conn, mainAppID, old); err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if err := exec(conn, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// The migration counts what is there already.
func TestQuotaMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	statements := []string{
		"INSERT INTO mailbox (row, id, name, ods, password, remote) VALUES (1, 'A', '', 'RR8', 'p', 0)",
		"INSERT INTO inbox (mailbox, position, type, size) VALUES (1, 4096, 0, 50)",
		"INSERT INTO message (position, mailbox, sender, local_id, status, status_at, headers) VALUES (4096, 1, 'B', '', 'accepted', 0, '{}')",
		"INSERT INTO message (position, mailbox, sender, local_id, status, status_at, headers) VALUES (8192, 1, 'B', '', 'uploading', 0, '{}')",
		"INSERT INTO chunk (position, chunk, generation, pieces, size) VALUES (8192, 1, 12288, 1, 7)",
		"INSERT INTO upload (generation, position, chunk) VALUES (12288, 8192, 1)",
	}
	for i := range 3 {
		statements = append(statements, fmt.Sprintf(`INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, same, status, reason, created, version)
			VALUES (x'0%d', '200000000115', 'RR8', 1, 'A', '', 1, %d, %d, '', 0, 1)`, i, i, i+1))
	}
	earlier(t, path, "0012_quota.sql", statements...)
	health, err := Check(t.Context(), path, nil)
	if err != nil || len(health.Drift) > 0 {
		t.Errorf("before the migration: %+v, %v", health, err)
	}
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for q, want := range map[store.Quota]store.QuotaUse{
		store.SystemQuota:       {Quota: store.SystemQuota, Owner: "200000000115", Used: 2}, // the third has ended
		store.OrganisationQuota: {Quota: store.OrganisationQuota, Owner: "RR8", Used: 2},
		store.MessagesQuota:     {Quota: store.MessagesQuota, Owner: "A", Used: 2},
		store.BytesQuota:        {Quota: store.BytesQuota, Owner: "A", Used: 57},
	} {
		if got, err := db.QuotaUse(t.Context(), store.QuotaQuery{Quota: q, Max: 10}); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("expected %+v, got %+v, %v", want, got, err)
		}
	}
}

// Counters that have drifted are found by Check and put right by a recount.
func TestQuotaDrift(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	earlier(t, path, "", // all migrations
		"INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, status, reason, created, version) VALUES (x'01', '200000000115', 'RR8', 1, 'A', '', 1, 2, '', 0, 1)",
		"UPDATE quota_use SET used = 5 WHERE quota = 1", "DELETE FROM quota_use WHERE quota = 2", "INSERT INTO quota_use VALUES (4, '9', 3)")
	health, err := Check(t.Context(), path, nil)
	if err != nil || len(health.Drift) != 3 {
		t.Errorf("found: %+v, %v", health, err)
	}
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }()
	for _, want := range []int{3, 0} {
		if drift, err := db.RecountQuotas(t.Context()); err != nil || len(drift) != want {
			t.Errorf("expected %d drifted counters, got %+v, %v", want, drift, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

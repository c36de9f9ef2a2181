package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// openLimited opens a node with quotas.
func openLimited(t *testing.T, dsn string, q store.Quotas) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(context.Background(), dsn, postgres.Options{Options: store.Options{Quotas: q}, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Serve(t, db)
	return db
}

// Two nodes that create at once pass a quota by an eighth of what was free at
// most, while others collect and recount beside them; and no counter drifts.
func TestQuotaOfTwoNodes(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	const limit, creators = 40, 50
	nodes := [...]*postgres.DB{openLimited(t, dsn, store.Quotas{System: limit}), openLimited(t, dsn, store.Quotas{System: limit})}
	hosted(t, nodes[0], "A")
	var made atomic.Int64
	var all sync.WaitGroup
	for i := range 2 * creators {
		all.Go(func() {
			s := storetest.AboutPatient(t, storetest.Numbered(i), "A")
			err := nodes[i%2].Subscribe(t.Context(), s, audit.Entry{Action: "subscribe"})
			var full *store.QuotaError
			switch {
			case err == nil:
				made.Add(1)
			case !errors.As(err, &full) || full.Quota != store.SystemQuota:
				t.Errorf("creator %d: %v", i, err)
			}
		})
	}
	all.Go(func() {
		if drift, err := nodes[0].RecountQuotas(t.Context()); err != nil || len(drift) > 0 {
			t.Errorf("counted while others created: %+v, %v", drift, err)
		}
	})
	all.Wait()
	if n := made.Load(); n < limit || n > limit+limit/8 {
		t.Errorf("%d subscriptions with a quota of %d", n, limit)
	}
	if stored := pgtest.SQL(t, dsn, "SELECT count(*) FROM subscription"); stored != strconv.FormatInt(made.Load(), 10) {
		t.Errorf("%s are stored, %d were answered", stored, made.Load())
	}
	if drift, err := nodes[1].RecountQuotas(t.Context()); err != nil || len(drift) > 0 {
		t.Errorf("drift: %+v, %v", drift, err)
	}
}

// What a node of an earlier version creates is not counted; the next recount puts
// it right, and one that was counted too often.
func TestQuotaDrift(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	db := runNode(t, dsn)
	hosted(t, db, "A")
	if err := db.Subscribe(t.Context(), storetest.AboutPatient(t, storetest.Numbered(1), "A"), audit.Entry{Action: "subscribe"}); err != nil {
		t.Fatal(err)
	}
	pgtest.SQL(t, dsn, `INSERT INTO subscription SELECT decode('00', 'hex'), asid, 'X26', mailbox, endpoint, criteria, hash, NULL, status, ends, reason, created, version, contacts FROM subscription`,
		"INSERT INTO quota_use VALUES (2, 'GONE', 0, 7)")
	drift, err := db.RecountQuotas(t.Context())
	if err != nil || len(drift) != 3 {
		t.Errorf("drift: %+v, %v", drift, err)
	}
	if drift, err = db.RecountQuotas(t.Context()); err != nil || len(drift) > 0 {
		t.Errorf("once more: %+v, %v", drift, err)
	}
	wantUse(t, db, store.SystemQuota, "200000000115", 2)
	wantUse(t, db, store.OrganisationQuota, "X26", 1)
	wantUse(t, db, store.OrganisationQuota, "GONE", 0)
}

func wantUse(t *testing.T, db *postgres.DB, q store.Quota, owner string, want int64) {
	t.Helper()
	uses, err := db.QuotaUse(t.Context(), store.QuotaQuery{Quota: q, Owner: owner, Max: 2})
	if err != nil || len(uses) > 1 {
		t.Fatal(uses, err)
	}
	got := int64(0)
	for _, u := range uses {
		got = u.Used
	}
	if got != want {
		t.Errorf("%s has %d %s; expected %d", owner, got, q, want)
	}
}

// The slots of connections that have ended are added up, and lose nothing.
func TestQuotaSlots(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	for i := range 3 { // three starts, three connections
		db := openLimited(t, dsn, store.Quotas{})
		hosted(t, db, "A")
		if err := db.Subscribe(t.Context(), storetest.AboutPatient(t, storetest.Numbered(i), "A"), audit.Entry{Action: "subscribe"}); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			pgtest.SQL(t, dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			continue
		}
		storetest.Eventually(t, "the ended slots are added up", func() bool {
			if err := db.Housekeep(t.Context()); err != nil {
				t.Fatal(err)
			}
			return pgtest.SQL(t, dsn, "SELECT count(*) FROM quota_use WHERE quota = 1 AND slot <> 0") == "1"
		})
		wantUse(t, db, store.SystemQuota, "200000000115", 3)
	}
}

// The migration counts what is there already.
func TestQuotaMigration(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	db, err := postgres.Open(t.Context(), dsn, postgres.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	earlier := []string{
		"DROP TABLE session, sign_in_link, clock_shift, witness, route_class, refusal, audit_filed, count_bar, message_filed, patient_record, patient_version, patient_key, directory_part, directory_patients_1, directory_organisations_1, directory_postcodes_1, directory_learnt, directory_state, directory_import, directory_chunk", "DROP SEQUENCE directory_generation", "DROP INDEX collected_at", // of later versions
		"DROP TABLE quota_use", "DROP VIEW quota_due", "DROP FUNCTION count_messages CASCADE", "DROP FUNCTION count_upload CASCADE",
		"ALTER TABLE event DROP COLUMN facts", "ALTER TABLE subscription DROP COLUMN error, DROP COLUMN rejected",
		"ALTER TABLE message DROP COLUMN size", "ALTER TABLE upload DROP COLUMN mailbox, DROP COLUMN size", "DROP INDEX upload_position, subscription_route",
		"ALTER TABLE patient_change DROP COLUMN patient", "ALTER TABLE route DROP COLUMN mailbox, DROP COLUMN classed", "ALTER TABLE piece DROP COLUMN codec",
		"DELETE FROM nems_schema_version WHERE version_id >= 5",
		"DROP TABLE endpoint, numbering, numbered, held, cursor, replay, controller_row, purged, retained", "ALTER TABLE delivery DROP COLUMN tries, DROP COLUMN replay",
		"INSERT INTO mailbox (id, name, ods, password, remote) VALUES ('A', '', 'RR8', 'p', false)",
		"INSERT INTO inbox (mailbox, position, type, size) SELECT row, 4096, 0, 50 FROM mailbox",
		"INSERT INTO message (position, mailbox, sender, local_id, status, status_at, headers) SELECT 4096, row, 'B', '', 'accepted', 0, '{}' FROM mailbox",
		"INSERT INTO message (position, mailbox, sender, local_id, status, status_at, headers) SELECT 8192, row, 'B', '', 'uploading', 0, '{}' FROM mailbox",
		"INSERT INTO chunk VALUES (8192, 1, 12288, 1, 7)", "INSERT INTO upload (generation, position, chunk) VALUES (12288, 8192, 1)",
	}
	for i := range 3 {
		earlier = append(earlier, fmt.Sprintf(`INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, same, status, reason, created, version, contacts)
			SELECT '\x0%d', '200000000115', 'RR8', row, 'A', '', 1, %d, %d, '', 0, 1, '' FROM mailbox`, i, i, i+1))
	}
	pgtest.SQL(t, dsn, earlier...)
	db = runNode(t, dsn)
	wantUse(t, db, store.SystemQuota, "200000000115", 2) // the third has ended
	wantUse(t, db, store.OrganisationQuota, "RR8", 2)
	wantUse(t, db, store.MessagesQuota, "A", 2)
	wantUse(t, db, store.BytesQuota, "A", 57)
	if drift, err := db.RecountQuotas(t.Context()); err != nil || len(drift) > 0 {
		t.Errorf("drift: %+v, %v", drift, err)
	}
}

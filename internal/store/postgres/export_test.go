package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"nems/internal/store/ledger"
)

const Viewers = viewerSize

// Hang reads as view does, until its context ends or the server breaks it off.
func (db *DB) Hang(ctx context.Context, started func()) error {
	return db.view(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, "SELECT 1 UNION ALL SELECT 2 FROM pg_sleep(60)")
		if err != nil {
			return err
		}
		defer rows.Close()
		started()
		for rows.Next() {
		}
		return rows.Err()
	})
}

// Search is a statement of searches, with what the plan has to look up.
type Search struct {
	SQL, Want string
	Args      []any
}

// Searches lists the statements of searches.
func (db *DB) Searches() map[string]Search {
	shared := ledger.Searches(dialect{db})
	return map[string]Search{
		"groups": {groupsOfOne, "Index Cond: ((ods = 'RR8'::text) AND (class > c_1.class))", []any{"RR8"}},
		"all":    {groupsOfAll, "Index Cond: (ROW(ods, class) > ROW(c_1.ods, c_1.class))", nil},
		"runs": {runIDs, "Index Cond: ((ods = r.ods) AND (class = r.class) AND (status = r.status) AND (id > '\\x'::bytea) AND (id < '\\xff'::bytea))",
			[]any{[]string{"RR8"}, []int64{1}, []int16{2}, []byte{}, []byte{0xff}, 10}},
		"due":   {shared["due"], "subscription_due", []any{int64(1), "RR8", []byte{}, []byte{0xff}}},
		"owner": {shared["owner"], "Index Cond: ((ods = 'RR8'::text) AND (id > '\\x'::bytea))", []any{[]byte{}, 10, "RR8"}},
		"key":   {shared["key"], "Index Cond: (hash = '1'::bigint)", []any{int64(1), "RR8", []byte{}}},
		"ids":   {shared["ids"], "Index Cond: (id = ANY", []any{[][]byte{{1}}}},
	}
}

// Explain returns the plan of a statement.
func (db *DB) Explain(t *testing.T, sql string, args ...any) string {
	t.Helper()
	var plan []string
	err := db.view(t.Context(), func(ctx context.Context, q querier) (err error) {
		plan, err = all(ctx, q, func(r pgx.Rows) (line string, err error) { return line, r.Scan(&line) }, "EXPLAIN "+sql, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

// MakeDay makes the partitions of a day, as the first event of a day does, and
// DropDay drops them.
func (db *DB) MakeDay(ctx context.Context, number int64) error {
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) error { return makeDay(ctx, tx, number) })
}

func (db *DB) DropDay(ctx context.Context, number int64) error { return db.dropDay(ctx, number) }

// Lookups makes what remembers that many rows, and returns how to get and to forget one.
func Lookups[K comparable, V any](size int, read func(context.Context, []K) (map[K]V, error)) (get func(context.Context, K) (V, error), forget func(K)) {
	l := newLookups(size, read)
	return l.get, func(key K) { l.forget(key) }
}

// Trace lets a test see the statements that the pool sends from now on.
func (db *DB) Trace(ctx context.Context, tracer pgx.QueryTracer) (err error) {
	db.pool.Close()
	db.servers.config.ConnConfig.Tracer = tracer
	db.pool, err = db.servers.pool(ctx)
	return err
}

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/subscription"
)

// matchAll finds the candidates of publishes before they are committed, all
// that wait in one statement: while one batch is on its way to the disk, the
// next is matched. What the statement sees is at least what was answered before
// any of them came in.
//
// It counts as long as the same primary confirms the commit: a server that
// another has taken over from may not know the newest subscriptions. The writer
// compares the timelines and asks again where they differ.
func (db *DB) matchAll(accepts []*accept, _ []store.Outcome[struct{}]) error {
	ctx, cancel := context.WithTimeout(context.Background(), matchWait)
	defer cancel()
	return db.read(ctx, func(ctx context.Context, _ querier) error {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		rows, err := conn.Query(ctx, selectCandidates, candidatesOf(accepts)...)
		if err != nil {
			return err
		}
		for _, a := range accepts {
			a.matched = timeline(conn.Conn())
		}
		return db.readCandidates(rows, accepts)
	})
}

// selectCandidates finds the subscriptions that are filed under the event codes
// and route keys of publishes, with candidatesOf for its arguments.
// Beside each it says which version of the mailboxes and workflows it saw.
const selectCandidates = `SELECT k.n, r.id, r.candidate, (SELECT boxes FROM version) FROM unnest($1::int[], $2::bigint[], $3::int[]) AS k(n, hash, code)
	JOIN route r ON r.hash = k.hash AND r.code = k.code`

func candidatesOf(accepts []*accept) []any {
	var numbers, codes []int32
	var hashes []int64
	for i, a := range accepts {
		a.candidates = nil
		for _, hash := range a.hashes {
			numbers, hashes, codes = append(numbers, int32(i)), append(hashes, hash), append(codes, codeNumber(a.Facts.EventCode))
		}
	}
	return []any{numbers, hashes, codes}
}

// readCandidates reads the rows of selectCandidates. A candidate that cannot be
// read is set aside.
func (db *DB) readCandidates(rows pgx.Rows, accepts []*accept) error {
	defer rows.Close()
	for rows.Next() {
		var n int32
		var id, packed []byte
		var boxes int64
		if err := rows.Scan(&n, &id, &packed, &boxes); err != nil {
			return err
		}
		accepts[n].boxes = boxes
		if c, ok := db.candidate(id, packed); ok {
			accepts[n].candidates = append(accepts[n].candidates, c)
		}
	}
	return rows.Err()
}

// candidate reads a row of route; one that cannot be read is quarantined.
func (db *DB) candidate(id, packed []byte) (subscription.Candidate, bool) {
	var c subscription.Candidate
	if copy(c.ID[:], id); store.UnpackCandidate(packed, &c) == nil {
		return c, true
	}
	db.setAside(c.ID, store.ErrCandidate.Error())
	return c, false
}

// matchAsOf finds who gets a copy of a deferred event: of the subscriptions
// that were active in its snapshot and live still.
func (w *writer) matchAsOf(ctx context.Context, event store.EventID, f subscription.Facts) ([]subscription.Copy, error) {
	found, err := all(ctx, w.conn, func(r pgx.Rows) (row struct{ id, packed []byte }, err error) {
		return row, r.Scan(&row.id, &row.packed)
	}, `SELECT r.id, r.candidate FROM pending p, unnest($2::bigint[]) AS k(hash), route r
		WHERE p.event = $1 AND r.hash = k.hash AND r.code = $3 AND pg_visible_in_snapshot(r.since, p.snapshot)`,
		int64(event), store.RouteHashes(f.Keys), codeNumber(f.EventCode))
	if err != nil {
		return nil, err
	}
	var candidates []subscription.Candidate
	for _, row := range found {
		if c, ok := w.db.candidate(row.id, row.packed); ok {
			candidates = append(candidates, c)
		}
	}
	return subscription.Match(candidates, f), nil
}

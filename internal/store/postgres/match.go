package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/subscription"
)

// few is up to how many subscriptions under one route key are read in a
// statement for many publishes. A publish that has more is matched on its own.
const few = 200

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

// selectCandidates finds the subscriptions that are filed under the event codes,
// route keys and classes of publishes, some of them where there are more than
// few, with candidatesOf for its arguments. Beside each it says which version of
// the mailboxes and workflows it saw. Most route keys have no classes: whether
// there are any is asked before they are looked for one by one.
const selectCandidates = `SELECT k.n, r.id, r.candidate, (SELECT boxes FROM version)
	FROM unnest($1::int[], $2::bigint[], $3::int[], $4::text[]) AS k(n, hash, code, classes), LATERAL (
		(SELECT id, candidate FROM route WHERE hash = k.hash AND code = k.code AND NOT classed ORDER BY mailbox, id LIMIT $5)
		UNION ALL
		(SELECT c.id, c.candidate FROM (SELECT FROM route_class WHERE hash = k.hash AND code = k.code LIMIT 1) AS filtering, unnest(k.classes::int[]) AS w(class),
			LATERAL (SELECT id, candidate FROM route_class WHERE hash = k.hash AND code = k.code AND class = w.class LIMIT $5) c LIMIT $5)) r`

func candidatesOf(accepts []*accept) []any {
	var events, codes []int32
	var hashes []int64
	var classes []string
	for i, a := range accepts {
		a.candidates, a.found = nil, 0
		code, of := codeNumber(a.Facts.EventCode), array(a.Facts.Classes())
		for _, hash := range a.hashes {
			events, hashes, codes, classes = append(events, int32(i)), append(hashes, hash), append(codes, code), append(classes, of)
		}
	}
	return []any{events, hashes, codes, classes, few + 1}
}

// array writes classes as PostgreSQL writes an array.
func array(classes []subscription.Class) string {
	var b strings.Builder
	for i, c := range classes {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(strconv.Itoa(int(c)))
	}
	return b.String() + "}"
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
		a := accepts[n]
		a.boxes = boxes
		a.found++
		if c, ok := db.candidate(id, packed); ok {
			a.candidates = append(a.candidates, c)
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
	db.Quarantine(c.ID, store.ErrCandidate.Error())
	return c, false
}

// matchAlone matches a publish with more than few candidates on a connection of
// its own, of whatever needs it one at a time: the others go on meanwhile. Errors
// say that nothing was stored.
func (db *DB) matchAlone(ctx context.Context, a *accept) error {
	return db.alone(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		a.matched = timeline(conn)
		return db.gather(ctx, conn, a)
	})
}

// alone lends a connection to one caller at a time.
func (db *DB) alone(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	select {
	case db.crowds <- struct{}{}:
		defer func() { <-db.crowds }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %v", store.ErrBusy, ctx.Err())
	}
	err := db.read(ctx, func(ctx context.Context, _ querier) error {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		return f(ctx, conn.Conn())
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %v", store.ErrBusy, ctx.Err())
	}
	return err
}

// gather finds the candidates of a publish that has many.
func (db *DB) gather(ctx context.Context, q querier, a *accept) (err error) {
	s := store.NewSearch(&a.Facts)
	a.boxes, err = db.walk(ctx, q, s, a.Facts.EventCode, a.hashes, nil)
	a.candidates, a.found = s.Hits, 0
	return err
}

// searchPage is how many rows of a route key a statement of walk reads.
const searchPage = 500

// selectPage reads the next rows of route keys, each behind a place. It says of
// each whether a snapshot saw it; without one all are seen.
const selectPage = `SELECT k.n, r.class, r.mailbox, r.id, r.candidate, coalesce(pg_visible_in_snapshot(r.since, $8::text::pg_snapshot), true), (SELECT boxes FROM version)
	FROM unnest($1::int[], $2::bigint[], $3::int[], $4::int[], $5::bigint[], $6::bytea[]) AS k(n, hash, code, class, mailbox, id), LATERAL (
		SELECT * FROM (
			(SELECT 0 AS class, mailbox, id, candidate, since FROM route
				WHERE k.class = 0 AND hash = k.hash AND code = k.code AND NOT classed AND (mailbox, id) > (k.mailbox, k.id) ORDER BY mailbox, id LIMIT $7)
			UNION ALL
			(SELECT class, mailbox, id, candidate, since FROM route_class
				WHERE hash = k.hash AND code = k.code AND (class, mailbox, id) > (k.class, k.mailbox, k.id) ORDER BY class, mailbox, id LIMIT $7)) AS rows
		ORDER BY class, mailbox, id LIMIT $7) r
	ORDER BY k.n, r.class, r.mailbox, r.id`

// walk reads what is filed under an event code and route keys, page by page,
// as a snapshot saw it. It returns the version of the mailboxes and workflows.
func (db *DB) walk(ctx context.Context, q querier, s *store.Search, code string, hashes []int64, snapshot *string) (boxes int64, err error) {
	walks := make([]store.Walk, len(hashes))
	for i := range walks {
		walks[i] = s.Walk()
	}
	for {
		var p pageOf
		for i := range walks {
			if !walks[i].Done {
				p.add(i, hashes[i], code, walks[i].At)
			}
		}
		if len(p.numbers) == 0 {
			return boxes, nil
		}
		rows, err := q.Query(ctx, selectPage, p.numbers, p.hashes, p.codes, p.classes, p.mailboxes, p.ids, searchPage, snapshot)
		if err != nil {
			return 0, err
		}
		if err := db.readPage(rows, walks, &boxes); err != nil {
			return 0, err
		}
	}
}

// readPage goes on with the walks by the rows of selectPage. A walk that gets less
// than a page is done.
func (db *DB) readPage(rows pgx.Rows, walks []store.Walk, boxes *int64) error {
	defer rows.Close()
	read := make([]int, len(walks))
	for rows.Next() {
		var n int32
		var at store.Place
		var id, packed []byte
		var seen bool
		if err := rows.Scan(&n, &at.Class, &at.Mailbox, &id, &packed, &seen, boxes); err != nil {
			return err
		}
		copy(at.ID[:], id)
		read[n]++
		walk := &walks[n]
		if walk.Done || at.Compare(walk.At) <= 0 {
			continue // it has jumped over this one
		}
		if c, ok := db.candidate(id, packed); ok && seen {
			walk.Take(at, &c)
		} else {
			walk.Pass(at)
		}
	}
	for i := range walks {
		walks[i].Done = walks[i].Done || read[i] < searchPage
	}
	return rows.Err()
}

// pageOf collects the arguments of selectPage.
type pageOf struct {
	numbers, codes, classes []int32
	hashes, mailboxes       []int64
	ids                     [][]byte
}

func (p *pageOf) add(n int, hash int64, code string, at store.Place) {
	p.numbers, p.hashes, p.codes = append(p.numbers, int32(n)), append(p.hashes, hash), append(p.codes, codeNumber(code))
	p.classes, p.mailboxes, p.ids = append(p.classes, int32(at.Class)), append(p.mailboxes, at.Mailbox), append(p.ids, at.ID[:])
}

// matchAsOf finds who gets a copy of a deferred event: of the subscriptions
// that were active in its snapshot and live still.
func (db *DB) matchAsOf(ctx context.Context, event store.EventID, f subscription.Facts) (copies []subscription.Copy, err error) {
	err = db.alone(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var snapshot string
		waits, err := one(ctx, conn, []any{&snapshot}, "SELECT snapshot::text FROM pending WHERE event = $1", int64(event))
		if err != nil || !waits {
			return err // the writer will say what has become of it
		}
		s := store.NewSearch(&f)
		_, err = db.walk(ctx, conn, s, f.EventCode, store.RouteHashes(f.Keys), &snapshot)
		copies = subscription.Match(s.Hits, f)
		return err
	})
	return copies, err
}

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/subscription"
)

// maxScratch is up to how many candidates the writer keeps the memory: about a
// megabyte.
const maxScratch = 8192

// always is later than whenever a subscription became active.
const always = store.EventID(math.MaxInt64)

// lookup is what an event looks for: who wants it of those that were active by
// a moment of the writer.
type lookup struct {
	facts  subscription.Facts
	hashes []int64 // of facts.Keys
	since  store.EventID
}

// match finds who gets a copy. It returns store.ErrCrowded, having changed
// nothing that the event needs, where that takes more than a transaction should.
func (w *writer) match(l lookup) ([]subscription.Copy, error) {
	code, known := w.codes[l.facts.EventCode]
	if !known {
		return nil, nil // nobody ever asked for it
	}
	search := store.NewSearch(&l.facts)
	search.Hits = w.scratch.candidates[:0]
	broken, err := l.search(w.conn, code, search, store.MaxCandidates)
	if cap(search.Hits) <= maxScratch {
		w.scratch.candidates = search.Hits
	}
	for _, id := range broken {
		if _, err := (verb{w.db.Quarantining(id, store.ErrCandidate.Error())}).apply(w); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	return subscription.Match(search.Hits, l.facts), nil
}

// matchOutside is match on a connection of its own, of whatever needs it one at a
// time: other readers and the writer go on meanwhile. What was answered before
// it is called is seen. Errors say that nothing was stored.
func (db *DB) matchOutside(ctx context.Context, l lookup) (copies []subscription.Copy, err error) {
	select {
	case db.crowds <- struct{}{}:
		defer func() { <-db.crowds }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %v", store.ErrBusy, ctx.Err())
	}
	search := store.NewSearch(&l.facts)
	err = db.readers.read(ctx, func(conn *sqlite.Conn) error {
		code, err := number(conn, "SELECT id FROM event_code WHERE code = ?", l.facts.EventCode)
		if err != nil {
			return err
		}
		broken, err := l.search(conn, code, search, math.MaxInt)
		for _, id := range broken {
			db.Quarantine(id, store.ErrCandidate.Error())
		}
		return err
	})
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %v", store.ErrBusy, ctx.Err())
	}
	return subscription.Match(search.Hits, l.facts), err
}

// search reads the subscriptions that are filed under an event code, one of the
// hashes and a class of the event, up to max rows, and lists those that cannot be
// read.
func (l *lookup) search(conn *sqlite.Conn, code int64, s *store.Search, max int) (broken []subscription.ID, err error) {
	// The signs keep SQLite from planning anew for each value, which took as long as
	// all the rest of accepting an event.
	stmt, err := conn.Prepare(`SELECT class, mailbox, id, candidate, since FROM route
		WHERE hash = +?1 AND code = +?2 AND (class, mailbox, id) > (+?3, +?4, +?5) ORDER BY class, mailbox, id`)
	if err != nil {
		return nil, err
	}
	stmt.BindInt64(2, code)
	for _, hash := range l.hashes {
		stmt.BindInt64(1, hash)
		for walk := s.Walk(); !walk.Done; {
			stmt.BindInt64(3, int64(walk.At.Class))
			stmt.BindInt64(4, walk.At.Mailbox)
			stmt.BindBytes(5, walk.At.ID[:])
			err := l.stretch(stmt, &walk, &max, &broken)
			if err = errors.Join(err, stmt.Reset()); err != nil {
				return broken, err
			}
		}
	}
	return broken, nil
}

// stretch reads up to where the walk jumps, or ends.
func (l *lookup) stretch(stmt *sqlite.Stmt, walk *store.Walk, left *int, broken *[]subscription.ID) error {
	var buf [512]byte
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			walk.Done = true
			return err
		}
		if *left == 0 {
			return store.ErrCrowded
		}
		*left--
		at := store.Place{Class: subscription.Class(stmt.ColumnInt64(0)), Mailbox: stmt.ColumnInt64(1)}
		stmt.ColumnBytes(2, at.ID[:])
		c := subscription.Candidate{ID: at.ID}
		switch {
		case stmt.ColumnInt64(4) > int64(l.since):
		case store.UnpackCandidate(columnBytes(stmt, 3, buf[:]), &c) != nil:
			*broken = append(*broken, c.ID)
		case walk.Take(at, &c):
			return nil
		}
	}
}

// columnBytes reads a column into buf, or into new memory when it is longer.
func columnBytes(s *sqlite.Stmt, column int, buf []byte) []byte {
	if n := s.ColumnLen(column); n > len(buf) {
		buf = make([]byte, n)
	}
	return buf[:s.ColumnBytes(column, buf)]
}

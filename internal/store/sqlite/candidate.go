package sqlite

import (
	"errors"
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

// match finds who gets a copy. since leaves out what became active later.
func (w *writer) match(f subscription.Facts, hashes []int64, since store.EventID) ([]subscription.Copy, error) {
	candidates, err := w.candidates(f.EventCode, hashes, since)
	return subscription.Match(candidates, f), err
}

// candidates reads the subscriptions that are filed under an event code and
// one of the hashes, and were active by a moment of the writer. Its cost depends
// on their number and on nothing else. One that cannot be read is quarantined.
// The slice is the writer's: it holds until the next call.
func (w *writer) candidates(code string, hashes []int64, since store.EventID) ([]subscription.Candidate, error) {
	out := w.scratch.candidates[:0]
	number, known := w.codes[code]
	if !known {
		return nil, nil // nobody ever asked for it
	}
	var buf [512]byte
	var broken []subscription.ID
	stmt, err := w.conn.Prepare("SELECT id, candidate FROM route WHERE hash = ? AND code = ? AND since <= ?")
	if err != nil {
		return nil, err
	}
	for _, hash := range hashes {
		stmt.BindInt64(1, hash)
		stmt.BindInt64(2, number)
		stmt.BindInt64(3, int64(since))
		for {
			more, err := stmt.Step()
			if err != nil {
				return nil, errors.Join(err, stmt.Reset())
			}
			if !more {
				break
			}
			c := subscription.Candidate{}
			stmt.ColumnBytes(0, c.ID[:])
			if store.UnpackCandidate(columnBytes(stmt, 1, buf[:]), &c) != nil {
				broken = append(broken, c.ID)
				continue
			}
			out = append(out, c)
		}
		if err := stmt.Reset(); err != nil {
			return nil, err
		}
	}
	if cap(out) <= maxScratch {
		w.scratch.candidates = out
	}
	for _, id := range broken {
		if err := w.quarantine(id, store.ErrCandidate.Error()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// columnBytes reads a column into buf, or into new memory when it is longer.
func columnBytes(s *sqlite.Stmt, column int, buf []byte) []byte {
	if n := s.ColumnLen(column); n > len(buf) {
		buf = make([]byte, n)
	}
	return buf[:s.ColumnBytes(column, buf)]
}

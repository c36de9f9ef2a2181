package sqlite

import (
	"context"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// nextMicrosecond is how far positions lie apart here.
const nextMicrosecond = 1 << 12

// clockShifts are where the clock was set.
type clockShifts struct {
	store.Moments
	mu      sync.Mutex
	unsaved []store.Shift
}

// NextPosition is broker.Journal's. A position is larger than all before it,
// also across a restart.
func (db *DB) NextPosition() store.EventID {
	for {
		last, now := db.last.Load(), db.opts.Now()
		db.moments.follow(now, store.EventID(last), db.opts)
		next := int64(db.moments.Next(now, store.EventID(last), nextMicrosecond))
		if db.last.CompareAndSwap(last, next) {
			return store.EventID(next)
		}
	}
}

// Moment is broker.Journal's.
func (db *DB) Moment(p store.EventID) time.Time { return db.moments.Of(p) }

// follow begins a shift where the clock is far from the last position. It is in
// force at once. If we stop before it is saved, the next start begins it anew.
func (c *clockShifts) follow(now time.Time, last store.EventID, o store.Options) {
	if c.Adrift(now, last, nextMicrosecond) == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.Adrift(now, last, nextMicrosecond) // another may have been first
	if all == nil {
		return
	}
	c.Set(all)
	c.unsaved = append(c.unsaved, all[len(all)-1])
	all[len(all)-1].Log(o.Log)
}

// read reads the shifts that are saved.
func (c *clockShifts) read(conn *sqlite.Conn) error {
	var all []store.Shift
	err := rows(conn, "SELECT first, ahead, at FROM clock_shift ORDER BY first", func(s *sqlite.Stmt) error {
		all = append(all, store.Shift{
			First: store.EventID(s.ColumnInt64(0)), Ahead: time.Duration(s.ColumnInt64(1)) * time.Microsecond, At: moment(s, 2),
		})
		return nil
	})
	c.Set(all)
	return err
}

// watchClock follows the clock, and saves the shifts that have begun.
func (db *DB) watchClock(ctx context.Context) error {
	c := &db.moments
	// First the position: a clock that runs fast, or is set, would seem to be behind it.
	last := store.EventID(db.last.Load())
	c.follow(db.opts.Now(), last, db.opts)
	c.mu.Lock()
	begun := c.unsaved
	c.unsaved = nil
	c.mu.Unlock()
	if len(begun) == 0 {
		return nil
	}
	_, err := db.submit(ctx, saveShifts(begun))
	if err != nil {
		c.mu.Lock()
		c.unsaved = append(begun, c.unsaved...)
		c.mu.Unlock()
	}
	return err
}

type saveShifts []store.Shift

func (all saveShifts) apply(w *writer) (result, error) {
	for _, s := range all {
		err := exec(w.conn, "INSERT OR REPLACE INTO clock_shift (first, ahead, at) VALUES (?, ?, ?)", s.First, s.Ahead.Microseconds(), s.At.UnixMicro())
		if err != nil {
			return result{}, err
		}
	}
	return result{}, nil
}

package sqlite

import (
	"context"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
)

// eventCount is how many events there are. The table event_count carries it over
// a restart; in between the writer keeps it, which costs publishing nothing.
type eventCount struct {
	committed atomic.Int64
	batch     int64 // what the transaction has added so far; the writer's own
	noted     int64 // what the table says, or will
	next      time.Time
}

// load counts the events from where the table stands: a minute's, at most.
func (c *eventCount) load(conn *sqlite.Conn) error {
	n, err := number(conn, "SELECT n + (SELECT count(*) FROM event WHERE id > position) FROM event_count")
	c.committed.Store(n)
	return err
}

// noteEvents carries the table event_count on.
type noteEvents struct{}

func (noteEvents) apply(w *writer) (result, error) {
	return result{}, exec(w.conn, "UPDATE event_count SET n = ?, position = ifnull((SELECT max(id) FROM event), 0)", w.db.events.committed.Load()+w.db.events.batch)
}

// noteEvents has the table carried on once a minute, if there is something new.
func (db *DB) noteEvents(ctx context.Context, now time.Time) error {
	c := &db.events
	n := c.committed.Load()
	if now.Before(c.next) || n == c.noted {
		return nil
	}
	c.next, c.noted = now.Add(time.Minute), n
	_, err := db.submit(ctx, noteEvents{})
	return err
}

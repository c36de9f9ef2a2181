package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// NextPosition is broker.Journal's.
func (db *DB) NextPosition() store.EventID {
	p := &db.positions
	for {
		last := p.last.Load()
		next := int64(db.moments.Next(db.now(), store.EventID(last), nodes))/nodes*nodes + p.number.Load()
		if p.last.CompareAndSwap(last, next) {
			return store.EventID(next)
		}
	}
}

// Moment is broker.Journal's.
func (db *DB) Moment(p store.EventID) time.Time { return db.moments.Of(p) }

// tolerated is how far a node's clock may be off the database's, and positions
// follow it all the same.
const tolerated = time.Minute

// now is this node's clock, or the database's where this node's is far off it.
func (db *DB) now() time.Time { return db.opts.Now().Add(-time.Duration(db.skew.Load())) }

// watchClock follows the database's clock, and where nodes have seen that clocks
// were set; it notes it when positions are far from the database's clock. All
// nodes lead alike, so that positions go on rising whoever hands them out.
func (db *DB) watchClock(ctx context.Context) error {
	var known []store.Shift
	var now time.Time
	// First the position: a clock that runs fast, or is set, would seem to be behind it.
	last := db.lastPosition()
	err := db.read(ctx, func(ctx context.Context, q querier) (err error) {
		if now, err = db.readClock(ctx, q); err == nil {
			known, err = readShifts(ctx, q)
		}
		return err
	})
	if err != nil {
		return err
	}
	db.compare(now)
	db.moments.Set(known)
	if db.moments.Adrift(db.shown(now), last, nodes) == nil {
		return nil
	}
	return db.noteShift(ctx)
}

// shown is what the clock of business time shows when the database's shows at: the
// same, unless it is set on purpose.
func (db *DB) shown(at time.Time) time.Time {
	return at.Add(db.opts.Now().Sub(db.opts.Machine()))
}

// compare notes how far this node's clock is off the database's.
func (db *DB) compare(now time.Time) {
	skew := db.opts.Machine().Sub(now)
	if skew.Abs() <= tolerated {
		skew = 0
	}
	before := time.Duration(db.skew.Swap(int64(skew)))
	if (skew - before).Abs() > tolerated {
		db.opts.Log.Warn("this machine's clock differs from the database's, which counts", "by", skew.Round(time.Second))
	}
}

func (db *DB) lastPosition() store.EventID { return store.EventID(db.positions.last.Load()) }

// readClock is the clock of leases: the database's.
func (db *DB) readClock(ctx context.Context, q querier) (time.Time, error) {
	var us int64
	err := q.QueryRow(ctx, "SELECT "+leaseClock, db.leaseNow()).Scan(&us)
	return time.UnixMicro(us).UTC(), err
}

// Standbys returns how many standbys follow the server, whether they are caught up or
// not; base backups do not count.
func (db *DB) Standbys(ctx context.Context) (n int, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE application_name NOT IN ('pg_basebackup', 'pg_receivewal')").Scan(&n)
	})
	return n, err
}

func readShifts(ctx context.Context, q querier) ([]store.Shift, error) {
	return all(ctx, q, func(r pgx.Rows) (s store.Shift, err error) {
		var ahead, at int64
		err = r.Scan(&s.First, &ahead, &at)
		s.Ahead, s.At = time.Duration(ahead)*time.Microsecond, time.UnixMicro(at).UTC()
		return s, err
	}, "SELECT first, ahead, at FROM clock_shift ORDER BY first")
}

// noteShift notes that a clock was set, unless another node has done so by now.
func (db *DB) noteShift(ctx context.Context) error {
	var set []store.Shift
	err := db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "LOCK TABLE clock_shift IN EXCLUSIVE MODE"); err != nil {
			return err
		}
		known, err := readShifts(ctx, tx)
		if err != nil {
			return err
		}
		db.moments.Set(known)
		last := db.lastPosition()
		now, err := db.readClock(ctx, tx)
		if err != nil {
			return err
		}
		if set = db.moments.Adrift(db.shown(now), last, nodes); set == nil {
			return nil
		}
		s := set[len(set)-1]
		_, err = tx.Exec(ctx, "INSERT INTO clock_shift (first, ahead, at) VALUES ($1, $2, $3)", int64(s.First), s.Ahead.Microseconds(), s.At.UnixMicro())
		return err
	})
	if err == nil && set != nil {
		db.moments.Set(set)
		set[len(set)-1].Log(db.opts.Log)
	}
	return err
}

package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// A node has one of so many numbers: the lower 12 bits of a position.
const nodes = 1 << 12

// numberLease is how long a number stays a node's that does not renew it.
const numberLease = time.Minute

// errNoNumber: 4,096 nodes run, or have ended within the last minute.
var errNoNumber = errors.New("no node number is free")

// positions hands out positions that nothing else in the system has.
type positions struct {
	last   atomic.Int64 // the largest handed out
	number atomic.Int64 // of this node
}

// seed takes a number and finds the largest position there is, so that new ones
// are larger even if this machine's clock is behind.
func (p *positions) seed(ctx context.Context, db *DB) error {
	if err := p.take(ctx, db); err != nil {
		return plain(err)
	}
	var last int64
	err := db.pool.QueryRow(ctx, `SELECT greatest(
		coalesce((SELECT max(id) FROM event), 0), coalesce((SELECT max(position) FROM message), 0), coalesce((SELECT max(generation) FROM upload), 0),
		coalesce((SELECT max(chain) FROM audit_chain), 0))`).Scan(&last)
	p.last.Store(last)
	return plain(err)
}

// take makes the lowest free number this node's.
func (p *positions) take(ctx context.Context, db *DB) error {
	var number int64
	err := db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "LOCK TABLE node IN EXCLUSIVE MODE"); err != nil {
			return err
		}
		free, err := one(ctx, tx, []any{&number}, `SELECT n FROM generate_series(0, $1::int) n
			WHERE NOT EXISTS (SELECT 1 FROM node WHERE number = n AND expires > clock_timestamp()) ORDER BY n LIMIT 1`, nodes-1)
		if err != nil {
			return err
		}
		if !free {
			return errNoNumber
		}
		_, err = tx.Exec(ctx, `INSERT INTO node (number, owner, expires) VALUES ($1, $2, clock_timestamp() + $3)
			ON CONFLICT (number) DO UPDATE SET owner = $2, expires = clock_timestamp() + $3`, number, db.owner, numberLease)
		return err
	})
	if err == nil {
		p.number.Store(number)
	}
	return err
}

// renewLoop keeps the number, and takes another one when it was lost while the
// database was away for long.
func (p *positions) renewLoop(ctx context.Context, db *DB) {
	tick := time.NewTicker(numberLease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		kept, err := db.exec(ctx, "UPDATE node SET expires = clock_timestamp() + $3 WHERE number = $1 AND owner = $2", p.number.Load(), db.owner, numberLease)
		if err == nil && kept == 0 {
			err = p.take(ctx, db)
		}
		if err != nil && ctx.Err() == nil {
			db.opts.Log.Warn("the node number was not renewed", "error", err)
		}
	}
}

// release gives the number back.
func (p *positions) release(ctx context.Context, db *DB) {
	_, _ = db.pool.Exec(ctx, "DELETE FROM node WHERE number = $1 AND owner = $2", p.number.Load(), db.owner)
}

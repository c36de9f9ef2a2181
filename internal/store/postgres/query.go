package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"nems/internal/store"
)

// querier is a connection, a transaction or the pool.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// all reads the rows of a query.
func all[T any](ctx context.Context, q querier, scan func(pgx.Rows) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// one reads the one row of a query into targets, and says whether there was one.
func one(ctx context.Context, q querier, targets []any, sql string, args ...any) (bool, error) {
	err := q.QueryRow(ctx, sql, args...).Scan(targets...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// answerWait is how long a read may take, with a new connection. The server keeps
// to statement_timeout; where a connection is half-open, or the server's machine
// stands still, nobody else would end the wait.
const answerWait = statementWait + connectWait

// read runs f on a connection of the pool, outside of a transaction, with a
// deadline. f changes nothing: where the connection turns out to be lost, it
// runs again on another.
func (db *DB) read(ctx context.Context, f func(context.Context, querier) error) error {
	return db.readFrom(ctx, db.pool, answerWait, f)
}

// view is read for somebody who looks: a page, a search, a list, a metric. Such
// reads have connections of their own, so that publishing and collecting never
// wait for one, and end after store.ViewWait.
func (db *DB) view(ctx context.Context, f func(context.Context, querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	return db.readFrom(ctx, db.viewers, store.ViewWait, f)
}

func (db *DB) readFrom(ctx context.Context, pool *pgxpool.Pool, wait time.Duration, f func(context.Context, querier) error) error {
	if db.closed.Load() {
		return store.ErrClosed
	}
	once := func() error {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		return f(ctx, pool)
	}
	return db.classify(untilAlone(ctx, func() error {
		err := once()
		if lost(ctx, err) {
			pool.Reset() // the others were made to the same server
			err = once()
		}
		return err
	}))
}

// lost tells whether an error is the end of a connection, and trying again makes
// sense.
func lost(ctx context.Context, err error) bool {
	var answered *pgconn.PgError
	return err != nil && ctx.Err() == nil && passing(err) &&
		(!errors.As(err, &answered) || strings.HasPrefix(answered.Code, "57P"))
}

// exec runs one statement that changes something, and says how many rows.
func (db *DB) exec(ctx context.Context, sql string, args ...any) (n int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, args...)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// change runs f in a transaction of its own, with a deadline. When the connection is lost while
// it commits, the outcome is store.ErrUnknown. When it collides with another transaction, f runs
// again: what it leaves behind must not depend on a run before.
func (db *DB) change(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	if db.closed.Load() {
		return store.ErrClosed
	}
	return untilAlone(ctx, func() error { return db.changeOnce(ctx, f) })
}

func (db *DB) changeOnce(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	conn, tx, err := db.begin(ctx)
	if lost(ctx, err) {
		db.pool.Reset()
		conn, tx, err = db.begin(ctx)
	}
	if err != nil {
		return db.classify(err)
	}
	defer conn.Release()
	within, cancel := context.WithTimeout(ctx, statementWait)
	defer cancel()
	// The caller may go away; the transaction ends one way or the other.
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), statementWait)
	defer stop()
	if err := f(within, tx); err != nil {
		_ = tx.Rollback(ending) // the error that led here says more
		return db.classify(err)
	}
	_ = warned(conn.Conn()) // what was heard before has nothing to do with this commit
	if err := tx.Commit(ending); err != nil {
		return db.classify(commitError(err))
	}
	return warned(conn.Conn())
}

// begin takes a connection and begins a transaction on it.
func (db *DB) begin(ctx context.Context) (*pgxpool.Conn, pgx.Tx, error) {
	ctx, cancel := context.WithTimeout(ctx, statementWait)
	defer cancel()
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		conn.Release()
		return nil, nil, err
	}
	return conn, tx, nil
}

// commitError tells what an error of COMMIT means: where the server did not say
// that it rolled back, it may have committed.
func commitError(err error) error {
	var answered *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &answered) && answered.SeverityUnlocalized == "ERROR" {
		return err
	}
	return errors.Join(store.ErrUnknown, plain(err))
}

// instant is a column's value: microseconds, or NULL for the zero time.
func instant(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

// text is a column's value: NULL for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orEmpty is the inverse of text.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// notNull makes an empty value of an absent one.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

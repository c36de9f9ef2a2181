package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// answerWait is how long a read may take, with a new connection. The server keeps
// to statement_timeout; where a connection is half-open, or the server's machine
// stands still, nobody else would end the wait.
const answerWait = statementWait + connectWait

// bounded makes all calls of a connection end with one context, whatever theirs
// is.
type bounded struct {
	querier
	ctx context.Context
}

func (b bounded) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return b.querier.Exec(b.ctx, sql, args...)
}

func (b bounded) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	return b.querier.Query(b.ctx, sql, args...)
}

func (b bounded) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	return b.querier.QueryRow(b.ctx, sql, args...)
}

func (b bounded) SendBatch(_ context.Context, batch *pgx.Batch) pgx.BatchResults {
	return b.querier.SendBatch(b.ctx, batch)
}

// boundedTx is the same for a transaction.
type boundedTx struct {
	pgx.Tx
	bounded
}

// Exec, Query, QueryRow and SendBatch are those of bounded: a pgx.Tx has them
// too.
func (b boundedTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return b.bounded.Exec(ctx, sql, args...)
}

func (b boundedTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return b.bounded.Query(ctx, sql, args...)
}

func (b boundedTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return b.bounded.QueryRow(ctx, sql, args...)
}

func (b boundedTx) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	return b.bounded.SendBatch(ctx, batch)
}

package postgres

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// putChunk is a chunk whose pieces are written one after the other; queue makes
// them count.
type putChunk struct {
	position   store.EventID
	chunk      int
	generation int64
	pieces     int
	size       int64
}

// PutChunk stores chunk n (from 1) of a message, in place of one that is there,
// and returns its size. It may come before Send. It reads a piece of at most
// 256 KiB at a time. When r fails the chunk stays as it was and the error is
// returned, wrapped. It returns *store.QuotaError when the mailbox has no room.
func (db *DB) PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error) {
	c := putChunk{position: position, chunk: n, generation: int64(db.NextPosition())}
	var err error
	c.pieces, c.size, err = store.ReadPieces(r, func(i int, data []byte) error { return db.putPiece(ctx, &c, mailbox, i, data) })
	if err != nil {
		_ = db.dropUpload(context.WithoutCancel(ctx), &c) // otherwise housekeeping does, in a day
		return 0, err
	}
	b := &pgx.Batch{}
	c.queue(b)
	return c.size, db.change(ctx, func(ctx context.Context, tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() })
}

// putPiece stores a piece of a chunk that does not count yet. No transaction is
// open while the next one is read.
func (db *DB) putPiece(ctx context.Context, c *putChunk, mailbox int64, n int, data []byte) error {
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO upload AS u (generation, position, chunk, mailbox, size) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (generation) DO UPDATE SET size = u.size + excluded.size`, c.generation, int64(c.position), c.chunk, mailbox, len(data))
	c.queuePiece(b, n, data)
	return db.put(ctx, b, uploaded{mailbox: mailbox, position: c.position, bytes: int64(len(data))})
}

// dropUpload removes the pieces of a chunk that broke off or was refused.
func (db *DB) dropUpload(ctx context.Context, c *putChunk) error {
	b := &pgx.Batch{}
	b.Queue("DELETE FROM piece WHERE position = $1 AND chunk = $2 AND generation = $3", int64(c.position), c.chunk, c.generation)
	b.Queue("DELETE FROM upload WHERE generation = $1", c.generation)
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() })
}

func (c *putChunk) queuePiece(b *pgx.Batch, n int, data []byte) {
	b.Queue("INSERT INTO piece (position, chunk, generation, n, data) VALUES ($1, $2, $3, $4, $5)",
		int64(c.position), c.chunk, c.generation, n, notNull(data))
}

// queue makes the pieces of the generation the chunk.
func (c *putChunk) queue(b *pgx.Batch) {
	b.Queue("DELETE FROM piece WHERE position = $1 AND chunk = $2 AND generation <> $3", int64(c.position), c.chunk, c.generation)
	b.Queue("UPDATE upload SET size = 0 WHERE position = $1 AND chunk = $2 AND generation <> $3", int64(c.position), c.chunk, c.generation)
	b.Queue(`INSERT INTO chunk (position, chunk, generation, pieces, size) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (position, chunk) DO UPDATE SET generation = $3, pieces = $4, size = $5`,
		int64(c.position), c.chunk, c.generation, c.pieces, c.size)
}

package ledger

import (
	"context"
	"io"

	"nems/internal/store"
)

// chunk is a part of a message, of so many pieces. Each attempt to put it is a
// generation of its own; the row in table chunk says which one counts.
type chunk struct {
	position   store.EventID
	chunk      int
	generation int64
	pieces     int
	size       int64
}

// put makes the pieces of the generation the chunk, unless a later one is. Pieces
// of a later one that is still being put stay.
func (c chunk) put(tx Tx) {
	c.count(tx)
	const older = " WHERE position = $1 AND chunk = $2 AND generation < (SELECT generation FROM chunk WHERE position = $1 AND chunk = $2)"
	tx.Later("DELETE FROM piece"+older, c.position, c.chunk)
	tx.Later("UPDATE upload SET size = 0"+older, c.position, c.chunk)
}

// count writes the row that says which generation counts. A message that was sent
// whole may go without: its one piece bears its position as generation.
func (c chunk) count(tx Tx) {
	tx.Later(`INSERT INTO chunk AS c (position, chunk, generation, pieces, size) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (position, chunk) DO UPDATE SET generation = $3, pieces = $4, size = $5 WHERE c.generation < $3`,
		c.position, c.chunk, c.generation, c.pieces, c.size)
}

// remove removes the generation.
func (c chunk) remove(tx Tx) {
	tx.Later("DELETE FROM chunk WHERE position = $1 AND chunk = $2 AND generation = $3", c.position, c.chunk, c.generation)
	tx.Later("DELETE FROM piece WHERE position = $1 AND chunk = $2 AND generation = $3", c.position, c.chunk, c.generation)
}

// piece is a piece of a chunk that does not count yet.
type piece struct {
	chunk
	n       int
	codec   store.Codec
	data    []byte
	mailbox int64             // the recipient
	quotas  *store.QuotaGuard // nil: part of a send, which asks itself
}

// newPiece packs a piece.
func (l *Ledger) newPiece(c chunk, n int, plain []byte) piece {
	p := piece{chunk: c, n: n}
	p.size = int64(len(plain))
	p.codec, p.data = l.dialect.Pack(plain)
	return p
}

// Weight is how many bytes wait with the operation.
func (p piece) Weight() int { return len(p.data) }

func (p piece) put(tx Tx) {
	tx.Later("INSERT INTO piece (position, chunk, generation, n, codec, data) VALUES ($1, $2, $3, $4, $5, $6)",
		p.position, p.chunk.chunk, p.generation, p.n, int64(p.codec), notNull(p.data))
}

func (p piece) Apply(tx Tx) (any, error) {
	var begun bool
	if _, err := first(tx, []any{&begun}, "SELECT EXISTS (SELECT 1 FROM message WHERE position = $1)", p.position); err != nil {
		return nil, err
	}
	messages := int64(1)
	if begun {
		messages = 0
	}
	if err := roomInBox(tx, p.quotas, p.mailbox, messages, p.size); err != nil {
		return nil, err
	}
	tx.Later(`INSERT INTO upload AS u (generation, position, chunk, mailbox, size) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (generation) DO UPDATE SET size = u.size + excluded.size`, p.generation, p.position, p.chunk.chunk, p.mailbox, p.size)
	p.put(tx)
	return nil, nil
}

// putChunk makes a generation the chunk.
type putChunk struct{ chunk }

func (o putChunk) Apply(tx Tx) (any, error) {
	o.put(tx)
	return nil, nil
}

// dropUpload removes a generation that broke off or was refused.
type dropUpload struct{ chunk }

func (o dropUpload) Apply(tx Tx) (any, error) {
	o.remove(tx)
	tx.Later("DELETE FROM upload WHERE generation = $1", o.generation)
	return nil, nil
}

// PutChunk is mailbox.Boxes'. A piece has at most 256 KiB.
func (l *Ledger) PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error) {
	c := chunk{position: position, chunk: n, generation: int64(l.engine.NextPosition())}
	var err error
	c.pieces, c.size, err = store.ReadPieces(r, func(i int, data []byte) error {
		p := l.newPiece(c, i, data)
		p.mailbox, p.quotas = mailbox, l.quotas
		_, err := l.engine.Change(ctx, p)
		return err
	})
	if err != nil {
		_, _ = l.engine.Change(context.WithoutCancel(ctx), dropUpload{c}) // otherwise housekeeping does, in a day
		return 0, err
	}
	_, err = l.engine.Change(ctx, putChunk{c})
	return c.size, err
}

package sqlite

import (
	"context"
	"fmt"
	"io"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// Chunk writes chunk n (from 1) of a message, as it was sent, to w. For the
// copy of an event it returns store.ErrDamaged, and writes nothing, when the
// bytes no longer have the SHA-256 of the published message. No read
// transaction is open while it writes.
func (db *DB) Chunk(ctx context.Context, m store.Message, n int, w io.Writer) error {
	if m.EventCode == "" {
		return store.WritePieces(w, func(i int) ([]byte, int, error) { return db.piece(ctx, m.Position, n, i) })
	}
	if n != 1 {
		return store.ErrNotFound
	}
	message, err := db.EventMessage(ctx, m.Position)
	if err == nil {
		_, err = w.Write(message)
	}
	return err
}

// piece reads one piece of a chunk, and how many there are.
func (db *DB) piece(ctx context.Context, position store.EventID, chunk, n int) (data []byte, pieces int, err error) {
	found, codec := false, store.Plain
	err = db.readers.one(ctx, func(conn *sqlite.Conn) error {
		// A message that was sent whole has no row in chunk: its one piece bears
		// its position as generation. The signs are as in List.
		found, err = row(conn, `SELECT data, ifnull((SELECT pieces FROM chunk WHERE position = +?1 AND chunk = +?2), 1), codec FROM piece
			WHERE position = +?1 AND chunk = +?2 AND n = +?3
			AND generation = ifnull((SELECT generation FROM chunk WHERE position = +?1 AND chunk = +?2), +?1)`, func(s *sqlite.Stmt) {
			data, pieces, codec = blob(s, 0), s.ColumnInt(1), store.Codec(s.ColumnInt(2))
		}, position, chunk, n)
		return err
	})
	switch {
	case err != nil:
		return nil, 0, err
	case !found:
		return nil, 0, store.ErrNotFound
	}
	data, err = store.Unpack(codec, data, store.MaxPiece)
	return data, pieces, err
}

// EventMessage returns the message of an event as it was published, or
// store.ErrNotFound, or store.ErrDamaged when its bytes no longer have the
// SHA-256 that was taken then.
func (db *DB) EventMessage(ctx context.Context, event store.EventID) ([]byte, error) {
	var body store.Body
	err := db.readers.read(ctx, func(conn *sqlite.Conn) (err error) {
		body, err = eventBody(conn, event)
		return err
	})
	if err != nil {
		return nil, err
	}
	message, err := body.Open()
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", event, err)
	}
	return message, nil
}

// eventBody reads the body of an event with its pieces.
func eventBody(conn *sqlite.Conn, event store.EventID) (b store.Body, err error) {
	inPieces, badSum := false, false
	found, err := row(conn, "SELECT codec, size, sha256, body FROM event WHERE id = ?", func(s *sqlite.Stmt) {
		b.Codec, b.Size = store.Codec(s.ColumnInt(0)), s.ColumnInt(1)
		badSum = s.ColumnBytes(2, b.SHA256[:]) != len(b.SHA256)
		b.Data, inPieces = blob(s, 3), s.ColumnIsNull(3)
	}, event)
	switch {
	case err != nil:
		return b, err
	case !found:
		return b, store.ErrNotFound
	case badSum:
		return b, store.ErrDamaged
	case !inPieces:
		return b, nil
	}
	err = rows(conn, "SELECT data FROM event_piece WHERE event = ? ORDER BY n", func(s *sqlite.Stmt) error {
		b.Data = append(b.Data, blob(s, 0)...)
		return nil
	}, event)
	return b, err
}

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
// bytes no longer have the SHA-256 of the published message. Before it
// writes it fills in m.Patient. No read transaction is open
// while it writes.
func (db *DB) Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error {
	if m.EventCode == "" {
		return store.WritePieces(w, func(i int) ([]byte, int, error) { return db.piece(ctx, m.Position, n, i) })
	}
	if n != 1 {
		return store.ErrNotFound
	}
	e, err := db.Event(ctx, m.Position)
	if err != nil {
		return err
	}
	if e.Patient != nil {
		m.Patient = *e.Patient
	}
	_, err = w.Write(e.Message)
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

// EventMessage returns the message of an event as it was published; errors are
// those of Event.
func (db *DB) EventMessage(ctx context.Context, event store.EventID) ([]byte, error) {
	e, err := db.Event(ctx, event)
	return e.Message, err
}

// Event returns an event as it was accepted, or store.ErrNotFound, or
// store.ErrDamaged when the bytes of its message no longer have the SHA-256
// that was taken then.
func (db *DB) Event(ctx context.Context, event store.EventID) (store.Event, error) {
	var body store.Body
	var patient *int64
	err := db.readers.read(ctx, func(conn *sqlite.Conn) (err error) {
		body, patient, err = eventBody(conn, event)
		return err
	})
	if err != nil {
		return store.Event{}, err
	}
	var e store.Event
	if patient != nil {
		e.Patient, err = store.UnpackPatient(*patient)
	}
	if err == nil {
		e.Message, err = body.Open()
	}
	if err != nil {
		return store.Event{}, fmt.Errorf("event %d: %w", event, err)
	}
	return e, nil
}

// eventBody reads the body of an event with its pieces, and its column patient.
func eventBody(conn *sqlite.Conn, event store.EventID) (b store.Body, patient *int64, err error) {
	inPieces, badSum := false, false
	found, err := row(conn, "SELECT codec, size, sha256, body, patient FROM event WHERE id = ?", func(s *sqlite.Stmt) {
		b.Codec, b.Size = store.Codec(s.ColumnInt(0)), s.ColumnInt(1)
		badSum = s.ColumnBytes(2, b.SHA256[:]) != len(b.SHA256)
		b.Data, inPieces = blob(s, 3), s.ColumnIsNull(3)
		if !s.ColumnIsNull(4) {
			patient = new(s.ColumnInt64(4))
		}
	}, event)
	switch {
	case err != nil:
		return b, patient, err
	case !found:
		return b, nil, store.ErrNotFound
	case badSum:
		return b, nil, store.ErrDamaged
	case !inPieces:
		return b, patient, nil
	}
	err = rows(conn, "SELECT data FROM event_piece WHERE event = ? ORDER BY n", func(s *sqlite.Stmt) error {
		b.Data = append(b.Data, blob(s, 0)...)
		return nil
	}, event)
	return b, patient, err
}

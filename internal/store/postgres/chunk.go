package postgres

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// Chunk writes chunk n (from 1) of a message, as it was sent, to w. For the
// copy of an event it returns store.ErrDamaged, and writes nothing, when the
// bytes no longer have the SHA-256 of the published message. Before it
// writes it fills in m.Patient. No transaction is open while it writes.
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
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		found, err := one(ctx, q, []any{&data, &pieces}, `SELECT p.data, c.pieces FROM chunk c
			JOIN piece p ON p.position = c.position AND p.chunk = c.chunk AND p.generation = c.generation AND p.n = $3
			WHERE c.position = $1 AND c.chunk = $2`, int64(position), chunk, n)
		if err == nil && !found {
			err = store.ErrNotFound
		}
		return err
	})
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
	err := db.read(ctx, func(ctx context.Context, q querier) (err error) {
		body, patient, err = eventBody(ctx, q, event)
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
func eventBody(ctx context.Context, q querier, event store.EventID) (b store.Body, patient *int64, err error) {
	var sum []byte
	var codec int16
	found, err := one(ctx, q, []any{&codec, &b.Size, &sum, &b.Data, &patient},
		"SELECT codec, size, sha256, body, patient FROM event WHERE id = $1", int64(event))
	switch {
	case err != nil:
		return b, patient, err
	case !found:
		return b, nil, store.ErrNotFound
	case len(sum) != len(b.SHA256) || codec < 0 || codec > 255:
		return b, nil, store.ErrDamaged
	}
	copy(b.SHA256[:], sum)
	if b.Codec = store.Codec(codec); b.Data != nil {
		return b, patient, nil
	}
	pieces, err := all(ctx, q, func(r pgx.Rows) (data []byte, err error) { return data, r.Scan(&data) },
		"SELECT data FROM event_piece WHERE event = $1 ORDER BY n", int64(event))
	for _, data := range pieces {
		b.Data = append(b.Data, data...)
	}
	return b, patient, err
}

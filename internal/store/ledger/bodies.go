package ledger

import (
	"context"
	"fmt"
	"io"

	"nems/internal/store"
)

// Chunk is mailbox.Boxes'.
func (l *Ledger) Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error {
	if m.EventCode == "" {
		return store.WritePieces(w, func(i int) ([]byte, int, error) { return l.piece(ctx, m.Position, n, i) })
	}
	if n != 1 {
		return store.ErrNotFound
	}
	e, err := l.Event(ctx, m.Position)
	if err != nil {
		return err
	}
	if e.Patient != nil {
		m.Patient = *e.Patient
	}
	_, err = w.Write(e.Message)
	return err
}

// piece reads one piece of a chunk, and how many there are. A message that was
// sent whole may have no row in table chunk.
func (l *Ledger) piece(ctx context.Context, position store.EventID, chunk, n int) (data []byte, pieces int, err error) {
	const (
		at        = "position = CAST($1 AS bigint) AND chunk = CAST($2 AS bigint)"
		statement = `SELECT codec, data, coalesce((SELECT pieces FROM chunk WHERE ` + at + `), 1) FROM piece
			WHERE ` + at + ` AND n = CAST($3 AS bigint) AND generation = coalesce((SELECT generation FROM chunk WHERE ` + at + `), CAST($1 AS bigint))`
	)
	var codec store.Codec
	found := false
	err = l.engine.Read(ctx, func(r Reader) (err error) {
		found, err = first(r, []any{&codec, &data, &pieces}, statement, position, chunk, n)
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

// EventMessage is broker.Backlog's.
func (l *Ledger) EventMessage(ctx context.Context, event store.EventID) ([]byte, error) {
	e, err := l.Event(ctx, event)
	return e.Message, err
}

// Event is lane.Outbox's.
func (l *Ledger) Event(ctx context.Context, event store.EventID) (store.Event, error) {
	var body store.Body
	var patient *int64
	err := l.engine.Read(ctx, func(r Reader) (err error) {
		body, patient, err = eventBody(r, event)
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
func eventBody(r Reader, event store.EventID) (b store.Body, patient *int64, err error) {
	var sum []byte
	found, err := first(r, []any{&b.Codec, &b.Size, &sum, &b.Data, &patient}, "SELECT codec, size, sha256, body, patient FROM event WHERE id = $1", event)
	switch {
	case err != nil:
		return b, nil, err
	case !found:
		return b, nil, store.ErrNotFound
	case copy(b.SHA256[:], sum) != len(b.SHA256) || len(sum) != len(b.SHA256):
		return b, nil, store.ErrDamaged
	case b.Data != nil:
		return b, patient, nil
	}
	pieces, err := column[[]byte](r, "SELECT data FROM event_piece WHERE event = $1 ORDER BY n", event)
	for _, data := range pieces {
		b.Data = append(b.Data, data...)
	}
	return b, patient, err
}

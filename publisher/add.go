package publisher

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"nems/internal/event"
	"nems/internal/fhir"
)

// ErrConflict says that another message with the same MessageHeader.id is in the outbox.
var ErrConflict = errors.New("another message has this MessageHeader.id")

// Tx is the part of *sql.Tx that Add needs.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Add checks a message and stores it in the transaction of the caller: it is sent if, and
// only if, that is committed. It returns MessageHeader.id, which is the idempotency key. A
// message that would be refused is not stored: the error is a *CheckError. Adding the same
// message again does nothing.
//
// Messages of one patient are sent in the order in which they were added. Over PostgreSQL
// the transactions that add for one patient therefore wait for each other's commit; one that
// adds for several patients should do so in the order of their numbers.
func (o *Outbox) Add(ctx context.Context, tx Tx, message []byte) (id string, err error) {
	if err := Check(message, o.Level); err != nil {
		return "", err
	}
	e, err := read(message)
	if err != nil {
		return "", err
	}
	patient := e.Routing.NHSNumber
	if patient == "" {
		patient = e.MessageID
	}
	if o.Dialect == PostgreSQL {
		// Numbers are drawn before commits: without this, a later message could be sent
		// before an earlier one can be seen.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('nems_outbox ' || $1, 0))`, patient); err != nil {
			return "", fmt.Errorf("publisher: %w", err)
		}
	}
	now := o.now()
	done, err := tx.ExecContext(ctx, `INSERT INTO nems_outbox
		(id, patient, event, kind, last_updated, version_id, payload, state, reason, added, due, claim, attempts, settled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', '', $8, $9, '', 0, 0) ON CONFLICT (id) DO NOTHING`,
		e.MessageID, patient, e.Code, string(e.Kind), e.LastUpdated, e.VersionID, message, now, now)
	if err != nil {
		return "", fmt.Errorf("publisher: adding a message: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return e.MessageID, err
	}
	var stored []byte
	if err := tx.QueryRowContext(ctx, `SELECT payload FROM nems_outbox WHERE id = $1`, e.MessageID).Scan(&stored); err != nil {
		return "", fmt.Errorf("publisher: %w", err)
	}
	if !bytes.Equal(stored, message) {
		return "", fmt.Errorf("publisher: %s: %w", e.MessageID, ErrConflict)
	}
	return e.MessageID, nil
}

// AddNow adds a message in a transaction of its own and wakes the senders.
func (o *Outbox) AddNow(ctx context.Context, message []byte) (id string, err error) {
	tx, err := o.DB.BeginTx(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("publisher: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if id, err = o.Add(ctx, tx, message); err != nil {
		return "", err
	}
	if err := tx.Commit(); err != nil {
		return "", fmt.Errorf("publisher: %w", err)
	}
	o.Wake()
	return id, nil
}

// read reads the facts of a message that has been checked.
func read(message []byte) (event.Event, error) {
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return event.Event{}, fmt.Errorf("publisher: %w", err)
	}
	e, missing := event.Read(doc)
	if len(missing) > 0 {
		return event.Event{}, errors.New("publisher: not an event message: " + missing[0].Text)
	}
	return e, nil
}

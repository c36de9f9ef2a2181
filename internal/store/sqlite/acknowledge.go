package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// acknowledge takes a message out of an inbox.
type acknowledge struct {
	mailbox  int64
	position store.EventID
	at       int64
	entry    *audit.Entry
}

// Acknowledge is mailbox.Boxes'. The entry is in the same transaction.
func (db *DB) Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error {
	_, err := db.submit(ctx, acknowledge{mailbox, position, at.UnixMicro(), e})
	return err
}

func (a acknowledge) apply(w *writer) (result, error) {
	moved, typ, err := w.collect(a.mailbox, a.position, store.Acknowledged, a.at, nil)
	switch {
	case err != nil:
		return result{}, err
	case moved && typ == 0:
		err = exec(w.conn, "UPDATE message SET status = 'acknowledged', status_at = ? WHERE position = ?", a.at, a.position)
		return result{}, errors.Join(err, a.record(w))
	case moved:
		return result{}, a.record(w)
	}
	known, err := number(w.conn, `SELECT EXISTS (SELECT 1 FROM collected WHERE mailbox = ?1 AND position = ?2)
		OR EXISTS (SELECT 1 FROM message WHERE position = ?2 AND mailbox = ?1)`, a.mailbox, a.position)
	switch {
	case err != nil:
		return result{}, err
	case known == 0:
		return result{err: store.ErrNotFound}, nil
	}
	return result{}, a.record(w)
}

// record has the link of the batch tell of it. An event and a message that was
// sent never share a position.
func (a acknowledge) record(w *writer) error {
	if a.entry == nil {
		return nil
	}
	e := *a.entry
	var err error
	e.Patient, err = copiedPatient(w.conn, a.position)
	w.entries = append(w.entries, seal(e))
	return err
}

// collect moves a row out of the inbox, so that listing never meets it again.
// It says whether the row was there, and its type.
func (w *writer) collect(mailbox int64, position store.EventID, to store.State, at int64, why []byte) (moved bool, typ int64, err error) {
	moved, err = row(w.conn, `INSERT INTO collected (mailbox, position, type, size, asked, partner, status, at, fault)
		SELECT mailbox, position, type, size, asked, partner, ?, ?, ? FROM inbox WHERE mailbox = ? AND position = ? RETURNING type`,
		func(s *sqlite.Stmt) { typ = s.ColumnInt64(0) }, to.MESHStatus(), at, why, mailbox, position)
	if err != nil || !moved {
		return moved, typ, err
	}
	return moved, typ, exec(w.conn, "DELETE FROM inbox WHERE mailbox = ? AND position = ?", mailbox, position)
}

// copiedPatient is whom an event is about, as far as it is known.
func copiedPatient(conn *sqlite.Conn, event store.EventID) (nhs.NHSNumber, error) {
	var packed *int64
	_, err := row(conn, "SELECT patient FROM event WHERE id = ?", func(s *sqlite.Stmt) {
		if !s.ColumnIsNull(0) {
			packed = new(s.ColumnInt64(0))
		}
	}, event)
	return store.KnownPatient(packed), err
}

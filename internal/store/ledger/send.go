package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// send stores a message with its first chunk: one piece, packed.
type send struct {
	message store.Message
	headers []byte
	quotas  *store.QuotaGuard // nil: owed to its mailbox
	first   *piece            // nil: none
	counted bool              // first has a row in table chunk
	entry   *audit.Entry
}

// Send is mailbox.Boxes'.
func (l *Ledger) Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error {
	headers, err := json.Marshal(m)
	if err != nil {
		return err
	}
	op := send{message: m, headers: headers, entry: e}
	if m.Type == store.Data {
		op.quotas = l.quotas
	}
	switch {
	case len(first) > store.MaxPiece:
		if _, err := l.PutChunk(ctx, m.Mailbox, m.Position, 1, bytes.NewReader(first)); err != nil {
			return err
		}
	case first != nil:
		p := l.newPiece(chunk{position: m.Position, chunk: 1, generation: int64(m.Position), pieces: 1}, 0, first)
		op.first, op.counted = &p, m.Status == store.Uploading || l.dialect.CountsWholeMessages()
	}
	_, err = l.engine.Change(ctx, op)
	return err
}

// Weight is how many bytes wait with the operation.
func (o send) Weight() int {
	if o.first == nil {
		return 0
	}
	return o.first.Weight()
}

func (o send) Apply(tx Tx) (any, error) {
	m := &o.message
	size, first := m.Size, int64(0)
	if o.first != nil {
		size, first = o.first.size, o.first.size
	} else if m.Status == store.Uploading {
		size = 0 // table upload has it
	}
	if o.quotas != nil {
		if err := roomInBox(tx, o.quotas, m.Mailbox, 1, first); err != nil {
			return nil, err
		}
	}
	record(tx, o.entry)
	tx.Later(`INSERT INTO message (position, mailbox, sender, local_id, status, status_at, expires, size, headers)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		m.Position, m.Mailbox, m.Sender, m.LocalID, m.Status.MESHStatus(), m.StatusAt.UnixMicro(), instant(m.Expires), size, o.headers)
	if m.Status == store.Waiting {
		visible(tx, m)
	}
	switch {
	case o.first != nil:
		o.first.put(tx)
		if o.counted {
			o.first.count(tx)
		}
	case m.Status == store.Waiting:
		takeOver(tx, m.Position)
	}
	return nil, nil
}

// visible puts a message that was sent into its inbox.
func visible(tx Tx, m *store.Message) {
	tx.Later("INSERT INTO inbox (mailbox, position, type, size, workflow) VALUES ($1, $2, 0, $3, $4)", m.Mailbox, m.Position, m.Size, m.Workflow)
}

// takeOver has the bytes of the chunks of a complete message count with the
// message, no longer with their uploads.
func takeOver(tx Tx, position store.EventID) {
	tx.Later("UPDATE upload SET size = 0 WHERE position = $1 AND generation IN (SELECT generation FROM chunk WHERE position = $1)", position)
}

// roomInBox refuses what a mailbox has no room for, with *store.QuotaError. It is
// asked first, so that nothing is written in vain by those who go on trying.
func roomInBox(tx Tx, quotas *store.QuotaGuard, mailbox, messages, bytes int64) error {
	var waiting, held int64
	_, err := first(tx, []any{&waiting, &held}, `SELECT sum(CASE quota WHEN 4 THEN used ELSE 0 END), sum(CASE quota WHEN 5 THEN used ELSE 0 END)
		FROM quota_use WHERE quota IN (4, 5) AND owner = $1`, strconv.FormatInt(mailbox, 10))
	if err != nil {
		return err
	}
	if full := quotas.Room(store.MessagesQuota, waiting, messages); full != nil {
		return refuse(full)
	}
	if full := quotas.Room(store.BytesQuota, held, bytes); full != nil {
		return refuse(full)
	}
	return nil
}

// complete makes an uploading message visible.
type complete struct {
	mailbox     int64
	position    store.EventID
	at, expires time.Time
	entry       *audit.Entry
	scan        func(Row) (store.Message, error)
}

// Complete is mailbox.Boxes'.
func (l *Ledger) Complete(ctx context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (bool, error) {
	return change[bool](ctx, l, complete{mailbox, position, at, expires, e, l.scanSent})
}

func (o complete) Apply(tx Tx) (any, error) {
	found, err := all(tx, o.scan, selectSent+" WHERE m.position = $1 AND m.mailbox = $2 AND m.status = 'uploading'"+tx.Lock("m"), o.position, o.mailbox)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, refuse(store.ErrNotFound)
	}
	m, there := found[0], 0
	_, err = first(tx, []any{&there, &m.Size}, "SELECT count(*), CAST(sum(size) AS bigint) FROM chunk WHERE position = $1 AND chunk BETWEEN 1 AND $2", o.position, m.Chunks)
	if err != nil || there != m.Chunks {
		return false, err
	}
	headers, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	tx.Later("UPDATE message SET status = 'accepted', status_at = $2, expires = $3, size = $4, headers = $5 WHERE position = $1",
		o.position, o.at.UnixMicro(), instant(o.expires), m.Size, headers)
	takeOver(tx, o.position)
	visible(tx, &m)
	record(tx, o.entry)
	return true, nil
}

package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"nems/internal/store"
)

const (
	sentColumns = `m.headers, m.status, m.status_at, m.expires`
	selectSent  = `SELECT ` + sentColumns + ` FROM message m`
)

// sentMessage is what table message holds of a message that somebody sent.
type sentMessage struct {
	headers []byte
	status  string
	at      *int64
	expires *int64
}

func (l *Ledger) scanSent(r Row) (store.Message, error) {
	var s sentMessage
	if err := r.Scan(&s.headers, &s.status, &s.at, &s.expires); err != nil {
		return store.Message{}, err
	}
	return l.sent(&s)
}

// sent makes of a row what it says to the consumers.
func (l *Ledger) sent(s *sentMessage) (m store.Message, err error) {
	if err := json.Unmarshal(s.headers, &m); err != nil {
		return m, fmt.Errorf("the headers of a stored message: %w", err)
	}
	m.Sent = l.engine.Moments().Of(m.Position)
	m.StatusAt, m.Expires = moment(s.at), moment(s.expires)
	m.Status, err = store.ParseState(s.status)
	return m, err
}

// The columns of a message wherever it stands. A copy of an event needs
// event_type, and delivery for whether it was replayed; a message that was sent has its row in message.
const (
	messageColumns = `c.position, c.type, c.size, c.partner, t.code, t.workflow, d.replay, ` + sentColumns
	messageJoins   = ` LEFT JOIN event_type t ON t.id = c.type
		LEFT JOIN message m ON c.type = 0 AND m.position = c.position
		LEFT JOIN delivery d ON d.mailbox = c.mailbox AND d.position = c.position`
	fromInbox     = `SELECT ` + messageColumns + `, 'accepted', CAST(NULL AS bigint), NULL FROM inbox c` + messageJoins
	fromCollected = `SELECT ` + messageColumns + `, c.status, c.at, c.fault FROM collected c` + messageJoins
)

// scanMessage reads a row of fromInbox or fromCollected.
func (l *Ledger) scanMessage(r Row, box store.Mailbox) (store.Message, error) {
	var c store.Copy
	var s sentMessage
	var kind int64
	var state string
	err := r.Scan(&c.Event, &kind, &c.Size, &c.PartnerID, &c.Code, &c.Workflow, &c.Replay, &s.headers, &s.status, &s.at, &s.expires, &state, &c.At, &c.Fault)
	switch {
	case err != nil:
		return store.Message{}, err
	case kind == 0:
		return l.sent(&s)
	}
	if c.Status, err = store.ParseState(state); err != nil {
		return store.Message{}, err
	}
	return c.Message(l.options, l.engine.Moments().Of(c.Event), box)
}

// Message is mailbox.Boxes'.
func (l *Ledger) Message(ctx context.Context, mailbox int64, position store.EventID) (m store.Message, err error) {
	box, err := l.engine.Box(ctx, mailbox)
	if err != nil {
		return m, err
	}
	err = l.engine.Read(ctx, func(r Reader) error {
		// A message that was sent has its row with its state, whatever else holds it.
		found, err := all(r, l.scanSent, selectSent+" WHERE m.position = $1 AND m.mailbox = $2", position, mailbox)
		if err == nil && len(found) == 0 {
			// One statement: between two, an acknowledgement could hide it from both.
			const at = " WHERE c.mailbox = CAST($1 AS bigint) AND c.position = CAST($2 AS bigint)"
			found, err = all(r, func(r Row) (store.Message, error) { return l.scanMessage(r, box) },
				fromInbox+at+" UNION ALL "+fromCollected+at, mailbox, position)
		}
		m, err = store.First(found, err)
		return err
	})
	return m, err
}

// History is mailbox.Boxes'.
func (l *Ledger) History(ctx context.Context, mailbox int64, since time.Time, before store.EventID, max int) ([]store.Message, error) {
	box, err := l.engine.Box(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	const within = ` WHERE c.mailbox = CAST($1 AS bigint) AND c.position >= CAST($2 AS bigint)
		AND (CAST($3 AS bigint) = 0 OR c.position < CAST($3 AS bigint))`
	return read(ctx, l.engine.Read, func(r Row) (store.Message, error) { return l.scanMessage(r, box) },
		fromInbox+within+" UNION ALL "+fromCollected+within+" ORDER BY 1 DESC LIMIT $4",
		mailbox, l.engine.Moments().Position(since), before, max)
}

// Count is mailbox.Boxes'.
func (l *Ledger) Count(ctx context.Context, mailbox int64) (n int, err error) {
	err = l.engine.Read(ctx, func(r Reader) error {
		_, err := first(r, []any{&n}, "SELECT count(*) FROM inbox WHERE mailbox = $1", mailbox)
		return err
	})
	return n, err
}

// SentByLocalID is mailbox.Boxes'.
func (l *Ledger) SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error) {
	if localID == "" {
		return nil, nil
	}
	return read(ctx, l.engine.Read, l.scanSent, selectSent+" WHERE "+l.dialect.SameID("m.sender", "$1")+
		" AND m.local_id = $2 AND m.local_id <> '' ORDER BY m.position LIMIT 2", sender, localID)
}

// Outbox is mailbox.Boxes'.
func (l *Ledger) Outbox(ctx context.Context, sender string, since time.Time, before store.EventID, max int) ([]store.Message, error) {
	return read(ctx, l.engine.Read, l.scanSent, selectSent+" WHERE "+l.dialect.SameID("m.sender", "$1")+
		" AND m.position >= $2 AND (CAST($3 AS bigint) = 0 OR m.position < $3) ORDER BY m.position DESC LIMIT $4",
		sender, l.engine.Moments().Position(since), before, max)
}

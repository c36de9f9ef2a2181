package publisher

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// claimed is a message that this sender has, until its lease ends.
type claimed struct {
	seq      int64
	id       string
	patient  string
	event    string
	payload  []byte
	attempts int    // with this one
	claim    string // which only this sender knows
}

// claimNext takes the next message that is due and has nothing before it. Of PostgreSQL two
// senders never wait for each other: what one is about to take, the other skips.
const claimNext = `UPDATE nems_outbox SET due = $1, claim = $2, attempts = attempts + 1 WHERE seq = (
	SELECT seq FROM nems_outbox o WHERE state = 'waiting' AND due <= $3 AND NOT EXISTS (
		SELECT 1 FROM nems_outbox p WHERE p.patient = o.patient AND p.seq < o.seq AND p.state IN ('waiting', 'refused'))
	ORDER BY due, seq LIMIT 1 %s)
	RETURNING seq, id, patient, event, payload, attempts`

// next claims a message; nil means that none is due.
func (o *Outbox) next(ctx context.Context) (*claimed, error) {
	lock := ""
	if o.Dialect == PostgreSQL {
		lock = "FOR UPDATE OF o SKIP LOCKED"
	}
	now := o.Now()
	c := claimed{claim: newClaim()}
	row := o.DB.QueryRowContext(ctx, fmt.Sprintf(claimNext, lock), now.Add(o.Lease).UnixMilli(), c.claim, now.UnixMilli())
	err := row.Scan(&c.seq, &c.id, &c.patient, &c.event, &c.payload, &c.attempts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("publisher: taking the next message: %w", err)
	}
	return &c, nil
}

// settle stores what became of a message. If its lease has ended and another sender has it,
// nothing changes.
func (o *Outbox) settle(ctx context.Context, c *claimed, state, reason string) error {
	_, err := o.DB.ExecContext(ctx, `UPDATE nems_outbox SET state = $1, reason = $2, settled = $3, claim = ''
		WHERE seq = $4 AND claim = $5 AND state = 'waiting'`, state, reason, o.now(), c.seq, c.claim)
	if err != nil {
		return fmt.Errorf("publisher: storing that %s is %s: %w", c.id, state, err)
	}
	return nil
}

// later gives a message back, to be tried after a pause.
func (o *Outbox) later(ctx context.Context, c *claimed, pause time.Duration) error {
	_, err := o.DB.ExecContext(ctx, `UPDATE nems_outbox SET due = $1, claim = '' WHERE seq = $2 AND claim = $3 AND state = 'waiting'`,
		o.Now().Add(pause).UnixMilli(), c.seq, c.claim)
	if err != nil {
		return fmt.Errorf("publisher: giving %s back: %w", c.id, err)
	}
	return nil
}

// pause is how long to wait after so many attempts, or as long as the service asks.
func (o *Outbox) pause(attempts int, asked time.Duration) time.Duration {
	d := o.FirstPause
	for range min(attempts-1, 30) {
		if d = 2 * d; d >= o.MostPause {
			d = o.MostPause
			break
		}
	}
	return max(d, asked)
}

package ledger

import (
	"context"
	"errors"
	"time"

	"nems/internal/store"
)

// Overdue is mailbox.Boxes'.
func (l *Ledger) Overdue(ctx context.Context, now time.Time, max int) ([]store.Message, error) {
	out, err := read(ctx, l.engine.Read, l.scanSent, selectSent+" WHERE m.status = 'accepted' AND m.expires <= $1 ORDER BY m.expires LIMIT $2", now.UnixMicro(), max)
	if err != nil || len(out) >= max {
		return out, err
	}
	copies, err := l.engine.OverdueCopies(ctx, now, max-len(out))
	if err != nil {
		return out, err
	}
	for _, at := range copies {
		m, err := l.Message(ctx, at.Mailbox, at.Position)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return out, err
		case m.Status == store.Waiting: // still
			out = append(out, m)
		}
	}
	return out, nil
}

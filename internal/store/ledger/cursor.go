package ledger

import (
	"cmp"
	"context"
	"slices"

	"nems/internal/store"
	"nems/internal/subscription"
)

const selectCursor = "SELECT epoch, number, at FROM cursor WHERE subscription = $1"

func scanCursor(r Row) (c store.Cursor, err error) {
	var epoch, number, at int64
	err = r.Scan(&epoch, &number, &at)
	return store.Cursor{Epoch: uint32(epoch), Number: uint64(number), At: moment(&at)}, err //nolint:gosec // they were written as such
}

// Cursor is stream.Store's.
func (l *Ledger) Cursor(ctx context.Context, id subscription.ID) (store.Cursor, error) {
	found, err := read(ctx, l.engine.Read, scanCursor, selectCursor, id[:])
	if err != nil || len(found) == 0 {
		return store.Cursor{}, err
	}
	return found[0], nil
}

// takeEvents moves the cursor of a subscription forward, over at most max events.
type takeEvents struct {
	id  subscription.ID
	to  store.Cursor
	max int
}

// TakeEvents is stream.Store's.
func (l *Ledger) TakeEvents(ctx context.Context, id subscription.ID, to store.Cursor, max int) (store.Cursor, error) {
	return change[store.Cursor](ctx, l, takeEvents{id, to, max})
}

// copyTaken is a copy that a reader has.
type copyTaken struct {
	number int64
	Place
}

func (o takeEvents) Apply(tx Tx) (any, error) {
	// Two readers may move it at once. Whoever comes second waits here.
	tx.Later("INSERT INTO cursor (subscription, epoch, number, at) VALUES ($1, $2, 0, $3) ON CONFLICT (subscription) DO NOTHING", o.id[:], int64(o.to.Epoch), o.to.At.UnixMicro())
	found, err := all(tx, scanCursor, selectCursor+tx.Lock("cursor"), o.id[:])
	if err != nil {
		return nil, err
	}
	at := found[0]
	if at.Epoch == o.to.Epoch && at.Number >= o.to.Number {
		return at, nil
	}
	taken, err := all(tx, func(r Row) (c copyTaken, err error) { return c, r.Scan(&c.number, &c.Mailbox, &c.Position) },
		"SELECT number, mailbox, position FROM numbered WHERE subscription = $1 AND number > $2 AND number <= $3 ORDER BY number LIMIT $4", o.id[:], int64(at.Number), int64(o.to.Number), o.max) //nolint:gosec // numbers come from the same columns
	if err != nil {
		return nil, err
	}
	reached := max(at.Number, o.to.Number)
	if len(taken) == o.max {
		reached = uint64(taken[len(taken)-1].number) //nolint:gosec // numbers begin at 1
	}
	at = store.Cursor{Epoch: o.to.Epoch, Number: reached, At: o.to.At}
	slices.SortFunc(taken, func(a, b copyTaken) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.Position, b.Position))
	})
	for _, c := range taken {
		tx.Later("UPDATE collected SET status = 'acknowledged', at = $3 WHERE mailbox = $1 AND position = $2 AND status = 'sent'", c.Mailbox, c.Position, at.At.UnixMicro())
	}
	tx.Later("UPDATE cursor SET epoch = $2, number = $3, at = $4 WHERE subscription = $1", o.id[:], int64(at.Epoch), int64(at.Number), at.At.UnixMicro())
	return at, nil
}

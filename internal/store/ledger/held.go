package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"nems/internal/store"
)

// free is what a consumer of a queue may be given, oldest first: what stands among
// the first rows of the inbox, $3 of them, and is held by nobody at the moment that
// stands for CLOCK. $1 is the clock's, $2 the mailbox.
func free(clock string) string {
	return ` FROM (SELECT position FROM inbox WHERE mailbox = $2 ORDER BY position LIMIT $3) w
		LEFT JOIN held h ON h.mailbox = $2 AND h.position = w.position WHERE (h.until IS NULL OR h.until <= ` + clock + `)`
}

// AnyFree is sqs.Queues'.
func (l *Ledger) AnyFree(ctx context.Context, mailbox int64) (bool, error) {
	clock, now := l.dialect.LeaseClock()
	found, one := false, 0
	err := l.engine.Read(ctx, func(r Reader) (err error) {
		found, err = first(r, []any{&one}, "SELECT 1"+free(clock)+" LIMIT 1", now, mailbox, store.MostHeld+store.MostDelayed)
		return err
	})
	return found, err
}

// take gives messages of a queue to a consumer.
type take struct {
	statement string
	args      []any
}

// Take is sqs.Queues'. Where two consumers ask at the same moment, one is given the
// message: the other's row is not changed, and so not returned.
func (l *Ledger) Take(ctx context.Context, mailbox int64, hold time.Duration, max int) ([]store.Taken, error) {
	clock, now := l.dialect.LeaseClock()
	return change[[]store.Taken](ctx, l, take{
		`INSERT INTO held AS o (mailbox, position, until, takes, first)
			SELECT CAST($2 AS bigint), w.position, ` + clock + ` + $5, 1, ` + clock + free(clock) + ` ORDER BY w.position LIMIT $4
			ON CONFLICT (mailbox, position) DO UPDATE SET until = excluded.until, takes = o.takes + 1,
				first = CASE o.takes WHEN 0 THEN excluded.first ELSE o.first END WHERE o.until <= ` + clock + `
			RETURNING position, takes, first`,
		[]any{now, mailbox, store.MostHeld + store.MostDelayed, max, hold.Microseconds()},
	})
}

func (o take) Apply(tx Tx) (any, error) {
	taken, err := all(tx, func(r Row) (t store.Taken, err error) {
		var first int64
		err = r.Scan(&t.Position, &t.Takes, &first)
		t.First = time.UnixMicro(first).UTC()
		return t, err
	}, o.statement, o.args...)
	slices.SortFunc(taken, func(a, b store.Taken) int { return cmp.Compare(a.Position, b.Position) })
	return taken, err
}

// hold changes until when a message is held.
type hold struct {
	statement string
	args      []any
}

// Hold is sqs.Queues'.
func (l *Ledger) Hold(ctx context.Context, mailbox int64, t store.Taken, while time.Duration) error {
	clock, now := l.dialect.LeaseClock()
	_, err := l.engine.Change(ctx, hold{
		"UPDATE held SET until = " + clock + " + $2 WHERE mailbox = $3 AND position = $4 AND takes = $5 AND until > " + clock,
		[]any{now, while.Microseconds(), mailbox, t.Position, t.Takes},
	})
	return err
}

// Delay is sqs.Queues'.
func (l *Ledger) Delay(ctx context.Context, mailbox int64, position store.EventID, while time.Duration) error {
	clock, now := l.dialect.LeaseClock()
	_, err := l.engine.Change(ctx, delay{
		"SELECT count(*) FROM (SELECT 1 FROM held WHERE mailbox = $2 AND takes = 0 AND until > " + clock + " LIMIT $3) d", []any{now, mailbox, store.MostDelayed},
		hold{
			"INSERT INTO held (mailbox, position, until, takes, first) VALUES ($3, $4, " + clock + " + $2, 0, 0)",
			[]any{now, while.Microseconds(), mailbox, position},
		},
	})
	return err
}

// delay holds a message that is on its way, unless too many are.
type delay struct {
	count string
	of    []any
	hold
}

func (o delay) Apply(tx Tx) (any, error) {
	var delayed int64
	if _, err := first(tx, []any{&delayed}, o.count, o.of...); err != nil {
		return nil, err
	}
	if delayed >= store.MostDelayed {
		return nil, refuse(store.ErrDelayed)
	}
	return o.hold.Apply(tx)
}

func (o hold) Apply(tx Tx) (any, error) {
	n, err := tx.Exec(o.statement, o.args...)
	if err == nil && n == 0 {
		err = refuse(store.ErrNotFound)
	}
	return nil, err
}

// letGo removes what was held.
type letGo struct {
	statement string
	args      []any
}

// LetGo is sqs.Queues'.
func (l *Ledger) LetGo(mailbox int64, position store.EventID) error {
	return l.engine.Post(letGo{"DELETE FROM held WHERE mailbox = $1 AND position = $2", []any{mailbox, position}})
}

// heldInVain is how long a row is kept whose message is not in its inbox: it may be
// on its way there.
const heldInVain = time.Hour

// SweepHeld is sqs.Queues'.
func (l *Ledger) SweepHeld(ctx context.Context, max int) (int, error) {
	clock, now := l.dialect.LeaseClock()
	return change[int](ctx, l, letGo{
		`DELETE FROM held WHERE (mailbox, position) IN (SELECT mailbox, position FROM held h WHERE h.until <= ` + clock + ` - $2
			AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.mailbox = h.mailbox AND i.position = h.position) ORDER BY mailbox, position LIMIT $3)`,
		[]any{now, heldInVain.Microseconds(), max},
	})
}

func (o letGo) Apply(tx Tx) (any, error) {
	n, err := tx.Exec(o.statement, o.args...)
	return int(n), err
}

// HeldNow is sqs.Queues'.
func (l *Ledger) HeldNow(ctx context.Context, mailbox int64) (h store.Held, err error) {
	clock, now := l.dialect.LeaseClock()
	err = l.engine.Read(ctx, func(r Reader) error {
		_, err := first(r, []any{&h.Taken, &h.Delayed}, `SELECT coalesce(sum(CASE WHEN h.takes > 0 THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN h.takes = 0 THEN 1 ELSE 0 END), 0)
			FROM held h JOIN inbox i ON i.mailbox = h.mailbox AND i.position = h.position WHERE h.mailbox = $2 AND h.until > `+clock, now, mailbox)
		return err
	})
	return h, err
}

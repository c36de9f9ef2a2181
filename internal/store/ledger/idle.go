package ledger

import (
	"context"
	"strings"
	"time"

	"nems/internal/store"
)

const (
	// idleLook is how often is looked for endpoints that nothing needs.
	idleLook = time.Minute
	// IdleLife is how long an endpoint that a subscription has brought along stays when
	// nothing needs it: what was accepted before its subscription ended is filed by then.
	IdleLife = time.Hour
)

// unneeded is the condition that nothing needs an endpoint: no subscription, no copy that
// waits, none whose delivery can be looked up, and no operator who has switched it off.
const unneeded = "e.owner <> '' AND e.held IS NULL AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.mailbox = e.mailbox)" +
	" AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.mailbox = e.mailbox) AND NOT EXISTS (SELECT 1 FROM collected c WHERE c.mailbox = e.mailbox)"

// sweepEndpoints removes the endpoints that subscriptions have brought along and that
// nothing has needed for IdleLife. It reads outside the transactions that others wait for.
func (l *Ledger) sweepEndpoints(ctx context.Context, now time.Time, idle func() bool) error {
	if now.Sub(time.UnixMicro(l.lookedAt.Load())).Abs() < idleLook {
		return nil
	}
	for n := SweptStep; n == SweptStep && idle(); {
		var err error
		if n, err = change[int](ctx, l, claimEndpoints{}); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		which string
		do    func(rows []int64) Op
	}{
		{"e.idle IS NULL AND " + unneeded, func(rows []int64) Op { return idleEndpoints{l.dialect, rows, now.UnixMicro()} }},
		{"e.idle < $1 AND e.owner <> ''", func(rows []int64) Op { return dropEndpoints{l.dialect, rows, now.Add(-IdleLife).UnixMicro()} }},
	} {
		for n := SweptStep; n == SweptStep && idle(); {
			rows, err := l.idleRows(ctx, step.which, now.Add(-IdleLife))
			if err != nil {
				return err
			}
			if n = len(rows); n == 0 {
				break
			}
			if _, err := change[int](ctx, l, step.do(rows)); err != nil {
				return err
			}
		}
	}
	l.lookedAt.Store(now.UnixMicro())
	return nil
}

func (l *Ledger) idleRows(ctx context.Context, which string, before time.Time) ([]int64, error) {
	args := []any{SweptStep}
	limit := "$1"
	if strings.Contains(which, "$1") {
		args, limit = []any{before.UnixMicro(), SweptStep}, "$2"
	}
	return read(ctx, l.engine.Read, func(r Row) (row int64, err error) { return row, r.Scan(&row) },
		"SELECT e.mailbox FROM endpoint e WHERE "+which+" ORDER BY e.mailbox LIMIT "+limit, args...)
}

// claimEndpoints writes down whose endpoints are that a version before this one has put.
// Its answer is how many.
type claimEndpoints struct{}

func (claimEndpoints) Apply(tx Tx) (any, error) {
	type unclaimed struct {
		row              int64
		id, ods, channel string
		value            []byte
	}
	found, err := all(tx, func(r Row) (u unclaimed, err error) {
		return u, r.Scan(&u.row, &u.id, &u.ods, &u.channel, &u.value)
	}, "SELECT e.mailbox, m.id, m.ods, e.channel, e.value FROM endpoint e JOIN mailbox m ON m.row = e.mailbox WHERE e.owner IS NULL ORDER BY e.mailbox LIMIT $1"+tx.LockFree("e"), SweptStep)
	for _, u := range found {
		owner := ""
		if brought(store.Channel(u.channel), u.id) {
			owner = u.ods
		}
		tx.Later("UPDATE endpoint SET owner = $2, held = $3 WHERE mailbox = $1", u.row, owner, orNull(store.HeldBy(u.value)))
	}
	return len(found), err
}

// brought reports whether a subscription has brought along an endpoint of which this is
// not written down: operators register none of these channels, and the ids of packages
// mns and r4 have these forms.
func brought(c store.Channel, id string) bool {
	return c == store.RestHookChannel || c == store.SignalChannel || strings.HasPrefix(id, "MNS-") && len(id) == len("MNS-")+24
}

// idleEndpoints writes down since when nothing needs endpoints.
type idleEndpoints struct {
	dialect Dialect
	rows    []int64
	now     int64
}

func (o idleEndpoints) Apply(tx Tx) (any, error) {
	found, err := column[int64](tx, "SELECT e.mailbox FROM endpoint e WHERE "+o.dialect.In("e.mailbox", "$1", Numbers)+" AND e.idle IS NULL AND "+unneeded+
		" ORDER BY e.mailbox"+tx.LockFree("e"), o.rows)
	for _, row := range found {
		tx.Later("UPDATE endpoint SET idle = $2 WHERE mailbox = $1", row, o.now)
	}
	return len(found), err
}

// dropEndpoints removes those that have been idle since before a moment, with what stands
// for them among the mailboxes. One that is needed again is idle no more.
type dropEndpoints struct {
	dialect Dialect
	rows    []int64
	before  int64
}

func (o dropEndpoints) Apply(tx Tx) (any, error) {
	within := o.dialect.In("e.mailbox", "$1", Numbers)
	found, err := column[int64](tx, "SELECT e.mailbox FROM endpoint e WHERE "+within+" AND e.idle < $2 AND "+unneeded+" ORDER BY e.mailbox"+tx.LockFree("e"), o.rows, o.before)
	if err != nil {
		return nil, err
	}
	gone := map[int64]bool{}
	for _, row := range found {
		gone[row] = true
		for _, table := range []string{"lane WHERE mailbox", "endpoint WHERE mailbox", "mailbox WHERE row"} {
			tx.Later("DELETE FROM "+table+" = $1", row)
		}
	}
	for _, row := range o.rows {
		if !gone[row] {
			tx.Later("UPDATE endpoint SET idle = NULL WHERE mailbox = $1 AND idle < $2", row, o.before)
		}
	}
	if len(found) > 0 {
		tx.BoxesChanged(true)
	}
	return len(found), nil
}

package ledger

import (
	"context"
	"strconv"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// SweptStep is how many rows one transaction of housekeeping looks at.
const SweptStep = 500

// Sweep removes what nobody needs any more as of a moment. It stops early when idle
// says no, and waits for no row that somebody is just changing: that comes next time.
func (l *Ledger) Sweep(ctx context.Context, now time.Time, idle func() bool) error {
	position := func(age time.Duration) store.EventID { return l.engine.Moments().Position(now.Add(-age)) }
	for _, step := range []Op{
		fileSearchGroups{},
		l.outdated("idempotency", "digest", "event < $1 ORDER BY event", position(store.KeyLife)),
		l.outdated("subscription", "id", "ends IS NOT NULL AND ends <= $1 AND status = 3", now.Add(-l.options.Retention).UnixMicro()),
		l.outdated("numbered", "rowid", "position < $1 ORDER BY position", position(l.options.Retention)),
		l.outdated("numbering", "subscription", "changed < $1 AND NOT EXISTS (SELECT 1 FROM subscription s WHERE s.id = numbering.subscription)"+
			" AND NOT EXISTS (SELECT 1 FROM numbered d WHERE d.subscription = numbering.subscription)", now.Add(-l.options.Retention).UnixMicro()),
		l.outdated("cursor", "subscription", "at < $1 AND NOT EXISTS (SELECT 1 FROM numbering n WHERE n.subscription = cursor.subscription)",
			now.Add(-l.options.Retention).UnixMicro()),
		l.outdated("refusal", "n", "at < $1 OR n <= (SELECT max(n) FROM refusal) - "+strconv.Itoa(mostRefusals), now.Add(-RefusalLife).UnixMicro()),
		l.outdated("session", "n", "ends <= $1", now.UnixMicro()),
		l.outdated("sign_in_link", "key", "ends <= $1", now.UnixMicro()),
		l.outdated("replay", "id", "ended < $1 ORDER BY ended", now.Add(-l.options.Retention).UnixMicro()),
		l.outdated("patient_version", "rowid", "replaced < $1 ORDER BY replaced", now.Add(-l.options.Retention).UnixMicro()),
		purgeMessages{l.dialect, position(uploadLife), SweptStep, " AND status = 'uploading'"},
		purgeUploads{l.dialect, position(uploadLife)},
		forgetCounts{now},
		purgeBodies{l.dialect, now.Add(-store.BodyGrace).UnixMicro()},
	} {
		for n := SweptStep; n == SweptStep && idle(); {
			var err error
			if n, err = change[int](ctx, l, step); err != nil {
				return err
			}
		}
	}
	if err := l.sweepEndpoints(ctx, now, idle); err != nil {
		return err
	}
	if err := l.fileMessages(ctx, now); err != nil {
		return err
	}
	return l.fileAudit(ctx)
}

// outdated removes rows of a table whose time has come. Its answer is how many.
type outdated struct {
	statement string
	since     any
}

// outdated selects rows, known by a key, by a condition over a time or position $1.
func (l *Ledger) outdated(table, key, condition string, since any) Op {
	return outdated{"DELETE FROM " + table + " WHERE " + l.dialect.First(table, key, condition, "$2"), since}
}

func (o outdated) Apply(tx Tx) (any, error) {
	n, err := tx.Exec(o.statement, o.since, SweptStep)
	return int(n), err
}

// fileSearchGroups works out the groups of subscriptions that were here before there
// were any, or that a node of such a version has created. Its answer is how many.
type fileSearchGroups struct{}

func (fileSearchGroups) Apply(tx Tx) (any, error) {
	type ungrouped struct {
		id    []byte
		group int64
	}
	found, err := all(tx, func(r Row) (u ungrouped, err error) {
		var mailbox, text string
		err = r.Scan(&u.id, &mailbox, &text)
		criteria, _ := subscription.ReadCriteria(text) // what cannot be read has no events
		u.group = store.SearchGroupNumber(mailbox, criteria.Events)
		return u, err
	}, "SELECT id, endpoint, criteria FROM subscription WHERE class = 0 ORDER BY id LIMIT $1"+tx.LockFree("subscription"), SweptStep)
	for _, u := range found {
		tx.Later("UPDATE subscription SET class = $1 WHERE id = $2", u.group, u.id)
	}
	return len(found), err
}

package ledger

import (
	"context"
	"time"

	"nems/internal/store"
)

// RefusalLife is how long a refusal is kept, and mostRefusals how many are: the
// newest.
const (
	RefusalLife  = 14 * 24 * time.Hour
	mostRefusals = 1_000_000
)

// Refused is api.Recorder's.
func (l *Ledger) Refused(r store.Refused) { l.refusals.Add(r) }

// Refusals is operator.Refusals'.
func (l *Ledger) Refusals(ctx context.Context, q store.RefusedQuery) ([]store.Refused, error) {
	return read(ctx, l.engine.View, func(r Row) (f store.Refused, err error) {
		var at int64
		err = r.Scan(&f.N, &at, &f.Action, &f.ASID, &f.ODS, &f.Certificate, &f.Status, &f.Code, &f.EventType, &f.MessageID, &f.Reason)
		f.At = moment(&at)
		return f, err
	}, `SELECT n, at, action, asid, ods, certificate, status, code, event_type, message_id, reason FROM refusal
		WHERE (CAST($1 AS bigint) = 0 OR n < $1) AND at >= $2 AND ($3 = '' OR asid = $3) AND ($4 = '' OR code = $4) AND ($5 = '' OR message_id = $5)
		ORDER BY n DESC LIMIT $6`, q.Before, q.Since.UnixMicro(), string(q.ASID), q.Code, q.MessageID, q.Max)
}

// KeepRefusals writes, until ctx ends, what Refused was given: once every
// Options.AuditDelay, many together.
func (l *Ledger) KeepRefusals(ctx context.Context) {
	keep := func(ctx context.Context) {
		if some := l.refusals.Take(); len(some) > 0 {
			if _, err := l.engine.Change(ctx, keepRefusals(some)); err != nil {
				l.options.Log.Warn("refusals are not kept", "refusals", len(some), "error", err)
			}
		}
	}
	for {
		select {
		case <-l.refusals.Some():
		case <-ctx.Done():
			keep(context.WithoutCancel(ctx))
			return
		}
		keep(ctx)
		select {
		case <-time.After(l.options.AuditDelay):
		case <-ctx.Done():
		}
	}
}

type keepRefusals []store.Refused

func (all keepRefusals) Apply(tx Tx) (any, error) {
	for _, r := range all {
		tx.Later(`INSERT INTO refusal (at, action, asid, ods, certificate, status, code, event_type, message_id, reason)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			r.At.UnixMicro(), string(r.Action), string(r.ASID), string(r.ODS), r.Certificate, r.Status, r.Code, r.EventType, r.MessageID, r.Reason)
	}
	return nil, nil
}

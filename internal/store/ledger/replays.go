package ledger

import (
	"context"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

const selectReplay = `SELECT id, subscription, ods, source, target, first, mark, cursor, mode, state, rate, earlier, total, sent, withheld, expired, passed,
	basis, who, began, ended, reason, owner, generation FROM replay`

func scanReplay(row Row) (r store.Replay, err error) {
	var n, began int64
	var id []byte
	var ended *int64
	c := &r.Counts
	err = row.Scan(&n, &id, &r.ODS, &r.Source, &r.Target, &r.First, &r.Mark, &r.Cursor, &r.Mode, &r.State, &r.Rate, &r.Earlier, &c.Of, &c.Sent, &c.Withheld, &c.Expired,
		&c.Passed, &r.Basis, &r.Who, &began, &ended, &r.Reason, &r.Owner, &r.Generation)
	copy(r.Subscription[:], id)
	r.ID, r.Began, r.Ended = store.ReplayID(n), moment(&began), moment(ended)
	return r, err
}

// Replay is replay.Store's.
func (l *Ledger) Replay(ctx context.Context, id string) (store.Replay, error) {
	return store.First(read(ctx, l.engine.Read, scanReplay, selectReplay+" WHERE id = $1", store.ParseReplayID(id)))
}

// Replays is replay.Store's.
func (l *Ledger) Replays(ctx context.Context, of subscription.ID, before string, max int) ([]store.Replay, error) {
	where, args := " WHERE id < $1", []any{int64(1)<<62 - 1 + 1<<62, max}
	if before != "" {
		args[0] = store.ParseReplayID(before)
	}
	if !of.IsZero() {
		where, args = where+" AND subscription = $3", append(args, of[:])
	}
	return read(ctx, l.engine.View, scanReplay, selectReplay+where+" ORDER BY id DESC LIMIT $2", args...)
}

// Position is replay.Store's.
func (l *Ledger) Position(at time.Time) store.EventID { return l.engine.Moments().Position(at) }

// KeptSince is replay.Store's.
func (l *Ledger) KeptSince() time.Time { return l.options.Settled().Add(-l.options.Retention) }

// NumberedSpan is replay.Store's. Late events have later numbers than their positions
// say, so that every row counts.
func (l *Ledger) NumberedSpan(ctx context.Context, id subscription.ID, from, to uint64) (store.NumberedSpan, error) {
	const biggest = 1<<63 - 1
	return store.First(read(ctx, l.engine.View, func(r Row) (s store.NumberedSpan, err error) {
		var least int64
		err = r.Scan(&least, &s.First, &s.Last)
		s.Least = uint64(least)
		return s, err
	}, "SELECT min(number), min(position), max(position) FROM numbered WHERE subscription = $1 AND number BETWEEN $2 AND $3",
		id[:], int64(min(from, biggest)), int64(min(to, biggest))))
}

// startReplay stores a new replay.
type startReplay struct {
	store.Replay
	n     int64
	entry audit.Entry
}

// StartReplay is replay.Store's.
func (l *Ledger) StartReplay(ctx context.Context, r store.Replay, e audit.Entry) (store.Replay, error) {
	n := int64(l.engine.NextPosition())
	r.ID, r.State = store.ReplayID(n), store.ReplayStarting
	e.Object = r.ID
	_, err := l.engine.Commit(ctx, startReplay{r, n, e})
	return r, err
}

func (o startReplay) Apply(tx Tx) (any, error) {
	// Of two that begin at once, one waits here and then finds the other.
	there, err := column[[]byte](tx, "SELECT id FROM subscription WHERE id = $1"+tx.Lock("subscription"), o.Subscription[:])
	if err != nil {
		return nil, err
	}
	if len(there) == 0 {
		return nil, refuse(store.ErrNotFound)
	}
	open, err := column[int64](tx, "SELECT id FROM replay WHERE subscription = $1 AND ended IS NULL", o.Subscription[:])
	if err != nil {
		return nil, err
	}
	if len(open) > 0 {
		return nil, refuse(&store.ReplayingError{ID: store.ReplayID(open[0])})
	}
	tx.Later(`INSERT INTO replay (id, subscription, ods, source, target, first, mark, cursor, mode, state, rate, earlier, total, sent, withheld, expired, passed,
		basis, who, began, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, 0, 0, 0, $13, $14, $15, '')`,
		o.n, o.Subscription[:], string(o.ODS), o.Source, o.Target, o.First, o.Mark, o.First-1, string(o.Mode), string(o.State), o.Rate, o.Earlier, o.Basis, o.Who,
		o.Began.UnixMicro())
	tx.Record(o.entry)
	return nil, nil
}

// changeReplay changes a replay that is not over, and takes it from whoever is
// busy with it: the next claim goes by what it is then.
type changeReplay struct {
	n int64
	store.ReplayChange
	entry audit.Entry
}

// ChangeReplay is replay.Store's.
func (l *Ledger) ChangeReplay(ctx context.Context, id string, c store.ReplayChange, e audit.Entry) error {
	_, err := l.engine.Commit(ctx, changeReplay{store.ParseReplayID(id), c, e})
	return err
}

func (o changeReplay) Apply(tx Tx) (any, error) {
	found, err := all(tx, scanReplay, selectReplay+" WHERE id = $1"+tx.Lock("replay"), o.n)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, refuse(store.ErrNotFound)
	}
	r := found[0]
	if !slices.Contains(o.From, r.State) {
		return nil, refuse(store.ErrChanged)
	}
	if o.To == "" {
		o.To = r.State
	}
	if o.Rate == 0 {
		o.Rate = r.Rate
	}
	tx.Later("UPDATE replay SET state = $2, rate = $3, owner = '', expires = 0 WHERE id = $1", o.n, string(o.To), o.Rate)
	tx.Record(o.entry)
	return nil, nil
}

// claimReplays takes replays that nobody is busy with.
type claimReplays struct {
	clock string
	now   any
	owner string
	lease time.Duration
	max   int
}

// ClaimReplays is replay.Queue's.
func (l *Ledger) ClaimReplays(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Replay, error) {
	clock, now := l.dialect.LeaseClock()
	const free = " WHERE ended IS NULL AND state <> 'PAUSED' AND (owner = '' OR expires <= "
	due, err := read(ctx, l.engine.Read, scanReplay, selectReplay+free+clock+") LIMIT $2", now, max)
	if err != nil || len(due) == 0 { // asked often: the writer is left alone
		return nil, err
	}
	return change[[]store.Replay](ctx, l, claimReplays{clock, now, owner, lease, max})
}

func (o claimReplays) Apply(tx Tx) (any, error) {
	due, err := all(tx, scanReplay, selectReplay+" WHERE ended IS NULL AND state <> 'PAUSED' AND (owner = '' OR expires <= "+o.clock+") ORDER BY id LIMIT $2"+
		tx.LockFree("replay"), o.now, o.max)
	for i := range due {
		r := &due[i]
		r.Owner, r.Generation = o.owner, r.Generation+1
		tx.Later("UPDATE replay SET owner = $2, generation = $3, expires = "+o.clock+" + $4 WHERE id = $5",
			o.now, r.Owner, r.Generation, o.lease.Microseconds(), store.ParseReplayID(r.ID))
	}
	return due, err
}

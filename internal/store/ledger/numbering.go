package ledger

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// number has the subscriptions of copies for one mailbox count them, in their order.
// Those that were counted before keep their numbers. Its answer is the copies with
// their numbers.
type number struct {
	clock string // the clock of leases, as an expression over $1
	now   any
	list  Dialect
	epoch int64 // of those that have counted nothing yet
	at    int64
	lane  store.Lane // without an owner: no claim is needed
	whose []store.Delivery
}

// NumberDeliveries is lane.Numbers'.
func (l *Ledger) NumberDeliveries(ctx context.Context, lane store.Lane, whose []store.Delivery) ([]store.Delivery, error) {
	clock, now := l.dialect.LeaseClock()
	at := l.options.Now()
	return change[[]store.Delivery](ctx, l, number{clock, now, l.dialect, at.Unix(), at.UnixMicro(), lane, whose})
}

func (o number) Apply(tx Tx) (any, error) {
	if err := o.hold(tx); err != nil {
		return nil, err
	}
	known, err := o.known(tx)
	if err != nil {
		return nil, err
	}
	last, err := o.count(tx, known)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(o.whose)
	for i := range out {
		d := &out[i]
		d.Numbers = make([]uint64, len(d.Subscriptions))
		for j, id := range d.Subscriptions {
			n, counted := known[place{id, d.Event}]
			if !counted {
				last[id]++
				n = last[id]
				known[place{id, d.Event}] = n
				tx.Later("INSERT INTO numbered (subscription, number, mailbox, position, at) VALUES ($1, $2, $3, $4, $5)", id[:], n, d.Mailbox, d.Event, o.at)
			}
			d.Numbers[j] = uint64(n)
		}
	}
	return out, nil
}

// NumberKept is broker.Numbers'.
func (l *Ledger) NumberKept(ctx context.Context, whose []store.Delivery) error {
	if len(whose) == 0 {
		return nil
	}
	_, err := l.NumberDeliveries(ctx, store.Lane{Mailbox: whose[0].Mailbox}, whose)
	return err
}

// hold keeps others from numbering the same copies.
func (o number) hold(tx Tx) error {
	if o.lane.Owner == "" {
		if _, err := tx.Exec("INSERT INTO lane (mailbox, owner, generation, expires, next_attempt, failures) VALUES ($1, '', 0, 0, 0, 0) ON CONFLICT (mailbox) DO NOTHING", o.lane.Mailbox); err != nil {
			return err
		}
		_, err := column[int64](tx, "SELECT mailbox FROM lane WHERE mailbox = $1"+tx.Lock("lane"), o.lane.Mailbox)
		return err
	}
	held, err := column[int64](tx, "SELECT mailbox FROM lane WHERE mailbox = $1 AND owner = $2 AND generation = $3"+tx.Lock("lane"), o.lane.Mailbox, o.lane.Owner, o.lane.Generation)
	if err == nil && len(held) == 0 {
		return refuse(store.ErrClaimLost)
	}
	return err
}

// place is where a number belongs.
type place struct {
	id    subscription.ID
	event store.EventID
}

// known reads the numbers that the copies have already, also those that a replay
// gave to this mailbox and that were counted for another.
func (o number) known(tx Tx) (map[place]int64, error) {
	positions := make([]int64, len(o.whose))
	for i, d := range o.whose {
		positions[i] = int64(d.Event)
	}
	out := map[place]int64{}
	err := tx.Query(func(r Row) error {
		var id []byte
		var p place
		var n int64
		if err := r.Scan(&id, &p.event, &n); err != nil {
			return err
		}
		p.id = subscription.ID(id)
		out[p] = n
		return nil
	}, "SELECT subscription, position, number FROM numbered WHERE mailbox IN (SELECT CAST($1 AS bigint) UNION SELECT source FROM replay WHERE target = $1) AND "+o.list.In("position", "$2", Numbers), o.lane.Mailbox, positions)
	return out, err
}

// count has each subscription count what it has not counted yet, and returns the
// last number of each before. Their order keeps transactions from waiting for each other.
func (o number) count(tx Tx, known map[place]int64) (map[subscription.ID]int64, error) {
	fresh := map[subscription.ID]int64{}
	for _, d := range o.whose {
		for _, id := range d.Subscriptions {
			if _, counted := known[place{id, d.Event}]; !counted {
				fresh[id]++
			}
		}
	}
	out := make(map[subscription.ID]int64, len(fresh))
	for _, id := range slices.SortedFunc(maps.Keys(fresh), func(a, b subscription.ID) int { return bytes.Compare(a[:], b[:]) }) {
		var last int64
		_, err := first(tx, []any{&last}, `INSERT INTO numbering AS n (changed, subscription, epoch, last) VALUES (`+o.clock+`, $2, $3, $4)
			ON CONFLICT (subscription) DO UPDATE SET last = n.last + $4, changed = `+o.clock+` RETURNING last`, o.now, id[:], o.epoch, fresh[id])
		if err != nil {
			return nil, err
		}
		out[id] = last - fresh[id]
	}
	return out, nil
}

// Counting is broker.Numbers'.
func (l *Ledger) Counting(ctx context.Context, id subscription.ID) (store.Counting, error) {
	found, err := read(ctx, l.engine.Read, func(r Row) (c store.Counting, err error) {
		var epoch, first, last, changed int64
		err = r.Scan(&epoch, &last, &changed, &first)
		return store.Counting{Epoch: uint32(epoch), First: uint64(first), Last: uint64(last), Changed: time.UnixMicro(changed).UTC()}, err //nolint:gosec // epochs are seconds until 2106
	}, `SELECT n.epoch, n.last, n.changed, (SELECT min(number) FROM numbered d WHERE d.subscription = n.subscription) FROM numbering n WHERE n.subscription = $1`, id[:])
	if err != nil || len(found) == 0 {
		return store.Counting{}, err
	}
	return found[0], nil
}

// NumberedEvents is broker.Numbers'.
func (l *Ledger) NumberedEvents(ctx context.Context, id subscription.ID, from, to uint64, max int) ([]store.Numbered, error) {
	const biggest = 1<<63 - 1
	return read(ctx, l.engine.Read, func(r Row) (n store.Numbered, err error) {
		var number, at int64
		err = r.Scan(&number, &n.Event, &n.Mailbox, &at)
		n.Number, n.At = uint64(number), time.UnixMicro(at).UTC()
		return n, err
	}, "SELECT number, position, mailbox, at FROM numbered WHERE subscription = $1 AND number BETWEEN $2 AND $3 ORDER BY number LIMIT $4",
		id[:], int64(min(from, biggest)), int64(min(to, biggest)), max)
}

// CountedWithin is broker.Numbers'.
func (l *Ledger) CountedWithin(ctx context.Context, back time.Duration, max int) ([]store.Advance, error) {
	clock, now := l.dialect.LeaseClock()
	return read(ctx, l.engine.Read, func(r Row) (a store.Advance, err error) {
		var id []byte
		var epoch, last int64
		if err = r.Scan(&id, &epoch, &last); err == nil {
			a = store.Advance{Subscription: subscription.ID(id), Epoch: uint32(epoch), Last: uint64(last)} //nolint:gosec // see Counting
		}
		return a, err
	}, "SELECT subscription, epoch, last FROM numbering WHERE changed >= "+clock+" - $2 ORDER BY changed DESC LIMIT $3", now, back.Microseconds(), max)
}

// BeginEpoch begins a new epoch of the numbers of all subscriptions, not less than
// $1: after a restore, numbers may be given a second time.
const BeginEpoch = "UPDATE numbering SET epoch = CASE WHEN epoch >= $1 THEN epoch + 1 ELSE $1 END"

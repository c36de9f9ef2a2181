package ledger

import (
	"context"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

const selectSubscription = `SELECT id, asid, ods, mailbox, endpoint, criteria, hash, status, ends, reason, created, version, contacts, error, rejected FROM subscription`

// storedSubscription is a row of the table subscription.
type storedSubscription struct {
	subscription.Subscription
	mailbox int64
	hash    int64
	broken  bool // the criteria no longer parse: only their text is there
}

func scanSubscription(row Row) (s storedSubscription, err error) {
	var id []byte
	var criteria, contacts string
	var status, created int64
	var ends *int64
	err = row.Scan(&id, &s.ASID, &s.ODS, &s.mailbox, &s.Mailbox, &criteria, &s.hash, &status, &ends, &s.Reason, &created, &s.Version, &contacts, &s.Error, &s.Rejected)
	if err != nil {
		return s, err
	}
	copy(s.ID[:], id)
	if s.Criteria, err = subscription.ReadCriteria(criteria); err != nil {
		s.broken, s.Criteria = true, subscription.Criteria{Text: criteria}
	}
	store.SetStatus(&s.Subscription, status)
	s.End, s.Created = moment(ends), moment(&created)
	s.Contacts = store.ReadContacts(contacts, s.ODS)
	return s, nil
}

// Subscription is broker.Journal's.
func (l *Ledger) Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error) {
	found, err := read(ctx, l.engine.Read, scanSubscription, selectSubscription+" WHERE id = $1", id[:])
	return store.First(l.selected(nil, found, &store.SubscriptionQuery{}), err)
}

// selected appends what of the rows a query selects.
func (l *Ledger) selected(out []subscription.Subscription, rows []storedSubscription, q *store.SubscriptionQuery) []subscription.Subscription {
	now := l.options.Now()
	for i := range rows {
		s := &rows[i]
		store.AsOf(&s.Subscription, now)
		if s.broken {
			l.Quarantine(s.ID, "the stored criteria cannot be read")
		}
		if q.Selects(&s.Subscription) {
			out = append(out, s.Subscription)
		}
	}
	return out
}

// scanned is how many subscriptions one statement of a listing reads.
const scanned = 1000

// Subscriptions is broker.BulkJournal's.
func (l *Ledger) Subscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	switch {
	case len(q.Patients) > 0:
		out, err := l.ofPatients(ctx, &q)
		return out[:min(len(out), q.Max)], err
	case q.Filters():
		return l.search(ctx, q)
	}
	return l.list(ctx, &q, ofOwner, string(q.ODS))
}

// AllSubscriptions is operator.Subscriptions'.
func (l *Ledger) AllSubscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	if q.ODS != "" || q.Filters() {
		return l.Subscriptions(ctx, q)
	}
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	return l.list(ctx, &q, " WHERE id > $1 ORDER BY id LIMIT $2")
}

// list reads subscriptions in the order of their ids until enough are selected.
func (l *Ledger) list(ctx context.Context, q *store.SubscriptionQuery, where string, args ...any) (out []subscription.Subscription, err error) {
	for after, max := q.After, min(scanned, max(q.Max, 100)); ; {
		rows, err := read(ctx, l.engine.View, scanSubscription, selectSubscription+where, append([]any{after[:], max}, args...)...)
		if err != nil || len(rows) == 0 {
			return out, err
		}
		if out = l.selected(out, rows, q); len(out) >= q.Max {
			return out[:q.Max], nil
		}
		if err := ctx.Err(); err != nil { // SQLite asks only while it waits
			return nil, err
		}
		after = rows[len(rows)-1].ID
	}
}

// ofPatients lists all that a query selects that names patients, by their route
// keys.
func (l *Ledger) ofPatients(ctx context.Context, q *store.SubscriptionQuery) (out []subscription.Subscription, err error) {
	for _, patient := range q.Patients {
		hash := subscription.Criteria{Patient: patient}.Key().Hash()
		rows, err := read(ctx, l.engine.View, scanSubscription, selectSubscription+underKey(l.dialect), hash, string(q.ODS), q.After[:])
		if err != nil {
			return nil, err
		}
		out = l.selected(out, rows, q)
	}
	return store.InOrder(out), nil
}

// CountSubscriptions is broker.BulkJournal's.
func (l *Ledger) CountSubscriptions(ctx context.Context, q store.SubscriptionQuery) (c store.Count, err error) {
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	if len(q.Patients) > 0 {
		found, err := l.ofPatients(ctx, &q)
		return store.Count{N: len(found)}, err
	}
	for left := q.Max; ; {
		rows, err := read(ctx, l.engine.View, scanSubscription, selectSubscription+ofOwner, q.After[:], max(1, min(scanned, left)), string(q.ODS))
		if err != nil || len(rows) == 0 {
			return c, err
		}
		if c.AtLeast = left == 0; c.AtLeast {
			return c, nil
		}
		c.N += len(l.selected(nil, rows, &q))
		left -= len(rows)
		q.After = rows[len(rows)-1].ID
	}
}

// approve makes a requested subscription active.
type approve struct {
	id    subscription.ID
	entry audit.Entry
}

// Approve is operator.Subscriptions'.
func (l *Ledger) Approve(ctx context.Context, id subscription.ID, e audit.Entry) error {
	_, err := l.engine.Commit(ctx, approve{id, e})
	return err
}

func (o approve) Apply(tx Tx) (any, error) {
	found, err := all(tx, scanSubscription, selectSubscription+" WHERE id = $1 AND status = 1"+tx.Lock("subscription"), o.id[:])
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].broken {
		return nil, refuse(store.ErrNotFound)
	}
	s := &found[0]
	s.Status = subscription.Active
	tx.Later("UPDATE subscription SET status = 2, version = version + 1 WHERE id = $1", o.id[:])
	tx.Record(o.entry)
	return nil, tx.Route(&s.Subscription, s.mailbox, s.hash)
}

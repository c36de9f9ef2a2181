package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/subscription"
)

const selectSubscription = `SELECT id, asid, ods, mailbox, endpoint, criteria, hash, status, ends, reason, created, version, contacts FROM subscription`

// storedSubscription is a row of the table subscription.
type storedSubscription struct {
	subscription.Subscription
	mailbox int64
	hash    int64
	broken  error // the criteria no longer parse: only their text is there
}

func scanSubscription(row pgx.Rows) (r storedSubscription, err error) {
	var id []byte
	var criteria, contacts string
	var status, created int64
	var ends *int64
	err = row.Scan(&id, &r.ASID, &r.ODS, &r.mailbox, &r.Mailbox, &criteria, &r.hash, &status, &ends, &r.Reason, &created, &r.Version, &contacts)
	if err != nil {
		return r, err
	}
	copy(r.ID[:], id)
	if r.Criteria, r.broken = subscription.ParseCriteria(criteria); r.broken != nil {
		r.Criteria = subscription.Criteria{Text: criteria}
	}
	r.Status, r.End, r.Created = store.NumberedStatus(status), moment(ends), time.UnixMicro(created).UTC()
	r.Contacts = store.ReadContacts(contacts, r.ODS)
	return r, nil
}

// reading lends a connection, for machines or for those who look.
type reading func(ctx context.Context, f func(context.Context, querier) error) error

func (db *DB) subscriptions(ctx context.Context, read reading, where string, args ...any) (out []storedSubscription, err error) {
	err = read(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, scanSubscription, selectSubscription+where, args...)
		return err
	})
	return out, err
}

// Subscription returns a subscription that was not deleted, ended ones with
// status off, or store.ErrNotFound. One whose stored criteria no longer parse
// comes with their text alone, and is quarantined.
func (db *DB) Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error) {
	found, err := db.subscriptions(ctx, db.read, " WHERE id = $1", id[:])
	return store.First(db.keep(nil, found, store.SubscriptionQuery{}), err)
}

// scanned is how many subscriptions a listing looks at with one statement.
const scanned = 1000

// owned finds the subscriptions of one owner in the order of their ids.
const owned = " WHERE ods = $3 AND id > $1 ORDER BY id LIMIT $2"

// Subscriptions lists the subscriptions of an organisation that a query
// selects.
func (db *DB) Subscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	if len(q.Patients) > 0 {
		out, err := db.ofPatients(ctx, q)
		return out[:min(len(out), q.Max)], err
	}
	if q.Filters() {
		return db.search(ctx, q)
	}
	return db.scan(ctx, q, owned, string(q.ODS))
}

// ofHash finds the subscriptions of one owner, or of all, under one route key: by
// its index alone, as in search.go.
const ofHash = " WHERE hash = $1 AND ($2 = '' OR ods || '' = $2) AND id || ''::bytea > $3 ORDER BY id"

// ofPatients lists all that a query selects that names patients, by their route
// keys.
func (db *DB) ofPatients(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	var out []subscription.Subscription
	for _, patient := range q.Patients {
		hash := subscription.Criteria{Patient: patient}.Key().Hash()
		seen, err := db.subscriptions(ctx, db.view, ofHash, hash, string(q.ODS), q.After[:])
		if err != nil {
			return nil, err
		}
		out = db.keep(out, seen, q)
	}
	return store.InOrder(out), nil
}

// CountSubscriptions counts what a query selects among the first q.Max
// subscriptions of an organisation; those to patients are all counted.
func (db *DB) CountSubscriptions(ctx context.Context, q store.SubscriptionQuery) (c store.Count, err error) {
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	if len(q.Patients) > 0 {
		found, err := db.ofPatients(ctx, q)
		return store.Count{N: len(found)}, err
	}
	for left := q.Max; ; {
		seen, err := db.subscriptions(ctx, db.view, owned, q.After[:], max(1, min(scanned, left)), string(q.ODS))
		if err != nil || len(seen) == 0 {
			return c, err
		}
		if c.AtLeast = left == 0; c.AtLeast {
			return c, nil
		}
		c.N += len(db.keep(nil, seen, q))
		left -= len(seen)
		q.After = seen[len(seen)-1].ID
	}
}

// AllSubscriptions lists what a query selects, as Subscriptions does, but of
// every owner where the query names none: operators look so.
func (db *DB) AllSubscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	if q.ODS != "" || q.Filters() {
		return db.Subscriptions(ctx, q)
	}
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	return db.scan(ctx, q, " WHERE id > $1 ORDER BY id LIMIT $2")
}

// scan reads subscriptions in the order of their ids until enough are selected.
func (db *DB) scan(ctx context.Context, q store.SubscriptionQuery, where string, args ...any) ([]subscription.Subscription, error) {
	var out []subscription.Subscription
	for after := q.After; ; {
		seen, err := db.subscriptions(ctx, db.view, where, append([]any{after[:], min(scanned, max(q.Max, 100))}, args...)...)
		if err != nil || len(seen) == 0 {
			return out, err
		}
		if out = db.keep(out, seen, q); len(out) >= q.Max {
			return out[:q.Max], nil
		}
		after = seen[len(seen)-1].ID
	}
}

// keep appends what of a page the query selects.
func (db *DB) keep(out []subscription.Subscription, page []storedSubscription, q store.SubscriptionQuery) []subscription.Subscription {
	now := db.opts.Now()
	for i := range page {
		r := &page[i]
		store.AsOf(&r.Subscription, now)
		if r.broken != nil {
			db.setAside(r.ID, "the stored criteria cannot be read")
		}
		if q.Selects(&r.Subscription) {
			out = append(out, r.Subscription)
		}
	}
	return out
}

// setAside has a subscription quarantined that was found broken.
func (db *DB) setAside(id subscription.ID, reason string) {
	if err := db.writer.committer.Post(task{change: quarantine{id, reason}}); err != nil {
		db.opts.Log.Warn("a subscription cannot be read", "subscription", id.String(), "error", err)
	}
}

// quarantine takes a subscription out of matching that cannot be read.
type quarantine struct {
	id     subscription.ID
	reason string
}

func (q quarantine) apply(ctx context.Context, w *writer) (result, error) {
	w.db.opts.Log.Error("subscription quarantined", "subscription", q.id.String(), "reason", q.reason)
	b := &pgx.Batch{}
	b.Queue("DELETE FROM route WHERE id = $1", q.id[:])
	b.Queue("INSERT INTO quarantine (id, at, reason) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING", q.id[:], w.db.opts.Now().UnixMicro(), q.reason)
	return result{}, w.conn.SendBatch(ctx, b).Close()
}

// Quarantined lists the subscriptions that were found unreadable. They do not
// match any more; deleting one takes it off the list.
func (db *DB) Quarantined(ctx context.Context) (out []store.Quarantined, err error) {
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, func(r pgx.Rows) (one store.Quarantined, err error) {
			var id []byte
			var at int64
			err = r.Scan(&id, &at, &one.Reason)
			copy(one.ID[:], id)
			one.At = time.UnixMicro(at).UTC()
			return one, err
		}, "SELECT id, at, reason FROM quarantine ORDER BY at, id")
		return err
	})
	return out, err
}

package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/nhs"
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

func (r *storedSubscription) scan(s *sqlite.Stmt) {
	*r = storedSubscription{mailbox: s.ColumnInt64(3), hash: s.ColumnInt64(6)}
	s.ColumnBytes(0, r.ID[:])
	r.ASID, r.ODS, r.Mailbox = nhs.ASID(s.ColumnText(1)), nhs.ODSCode(s.ColumnText(2)), s.ColumnText(4)
	r.Criteria, r.broken = subscription.ParseCriteria(s.ColumnText(5))
	if r.broken != nil {
		r.Criteria = subscription.Criteria{Text: s.ColumnText(5)}
	}
	r.Status, r.End = store.NumberedStatus(s.ColumnInt64(7)), moment(s, 8)
	r.Reason, r.Created, r.Version = s.ColumnText(9), moment(s, 10), s.ColumnInt(11)
	r.Contacts = store.ReadContacts(s.ColumnText(12), r.ODS)
}

// reading lends a connection, for machines or for those who look.
type reading func(ctx context.Context, f func(*sqlite.Conn) error) error

// subscriptions reads rows in one read transaction.
func (db *DB) subscriptions(ctx context.Context, read reading, where string, args ...any) (out []storedSubscription, err error) {
	err = read(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, selectSubscription+where, func(s *sqlite.Stmt) error {
			out = append(out, storedSubscription{})
			out[len(out)-1].scan(s)
			return nil
		}, args...)
	})
	return out, err
}

// Subscription returns a subscription that was not deleted, ended ones with
// status off, or store.ErrNotFound. One whose stored criteria no longer parse
// comes with their text alone, and is quarantined.
func (db *DB) Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error) {
	found, err := db.subscriptions(ctx, db.readers.one, " WHERE id = ?", id[:])
	return store.First(db.keep(nil, found, store.SubscriptionQuery{}), err)
}

// setAside has a subscription quarantined that was found broken on reading.
func (db *DB) setAside(r *storedSubscription) {
	if r.broken == nil {
		return
	}
	if err := db.committer.Post(quarantineOne{r.ID}); err != nil {
		db.opts.Log.Warn("a subscription cannot be read", "subscription", r.ID.String(), "error", err)
	}
}

// scanned is how many subscriptions a listing looks at in one read transaction.
const scanned = 1000

// owned finds the subscriptions of one owner in the order of their ids.
const owned = " WHERE ods = ?3 AND id > ?1 ORDER BY id LIMIT ?2"

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

// ofHash finds the subscriptions of one owner, or of all, under one route key.
const ofHash = " WHERE hash = ?1 AND (?2 = '' OR +ods = ?2) AND +id > ?3 ORDER BY id"

// ofPatients lists all that a query selects that names patients, by their route
// keys.
func (db *DB) ofPatients(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	var out []subscription.Subscription
	for _, patient := range q.Patients {
		hash := subscription.Criteria{Patient: patient}.Key().Hash()
		// The signs keep SQLite from the index of owners, which may have very many.
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
	return db.scan(ctx, q, " WHERE id > ?1 ORDER BY id LIMIT ?2")
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
		if err := ctx.Err(); err != nil { // reading checks it only while it waits
			return nil, err
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
		db.setAside(r)
		if q.Selects(&r.Subscription) {
			out = append(out, r.Subscription)
		}
	}
	return out
}

// quarantineOne takes a subscription out of matching that cannot be read.
type quarantineOne struct{ id subscription.ID }

func (q quarantineOne) apply(w *writer) (result, error) {
	return result{}, w.quarantine(q.id, "the stored criteria cannot be read")
}

// quarantine takes a subscription out of matching and notes why.
func (w *writer) quarantine(id subscription.ID, reason string) error {
	if err := w.unroute(id); err != nil {
		return err
	}
	w.db.opts.Log.Error("subscription quarantined", "subscription", id.String(), "reason", reason)
	return exec(w.conn, "INSERT OR IGNORE INTO quarantine (id, at, reason) VALUES (?, ?, ?)", id[:], w.db.opts.Now().UnixMicro(), reason)
}

// Quarantined lists the subscriptions that were found unreadable. They do not
// match any more; deleting one takes it off the list.
func (db *DB) Quarantined(ctx context.Context) ([]store.Quarantined, error) {
	var out []store.Quarantined
	err := db.view(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, "SELECT id, at, reason FROM quarantine ORDER BY at, id", func(s *sqlite.Stmt) error {
			q := store.Quarantined{At: moment(s, 1), Reason: s.ColumnText(2)}
			s.ColumnBytes(0, q.ID[:])
			out = append(out, q)
			return nil
		})
	})
	return out, err
}

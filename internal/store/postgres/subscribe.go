package postgres

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// creation is a subscription as it is written.
type creation struct{ store.Filing }

// subscribe creates subscriptions, each on its own.
type subscribe struct{ creations []creation }

// Subscribe is broker.Journal's.
func (db *DB) Subscribe(ctx context.Context, s subscription.Subscription, e audit.Entry) error {
	errs, err := db.SubscribeAll(ctx, []store.Creation{{Subscription: s, Audit: e}})
	if err != nil {
		return err
	}
	return errs[0]
}

// SubscribeAll is broker.BulkJournal's.
func (db *DB) SubscribeAll(ctx context.Context, all []store.Creation) (errs []error, err error) {
	op := subscribe{creations: make([]creation, len(all))}
	for i, c := range all {
		op.creations[i] = creation{c.File(db.opts.Now())}
	}
	r, err := db.submit(ctx, op)
	return r.errs, err
}

// apply works through the creations in steps, so that a batch of a thousand
// needs few round trips. Twins within a step find each other by the unique index.
func (s subscribe) apply(ctx context.Context, w *writer) (result, error) {
	r := result{errs: make([]error, len(s.creations))}
	const step = 200
	for from := 0; from < len(s.creations); from += step {
		to := min(from+step, len(s.creations))
		if err := w.create(ctx, s.creations[from:to], r.errs[from:to]); err != nil {
			return result{}, err
		}
	}
	return r, nil
}

// create writes subscriptions with one round trip, and others for the twins of
// those that are refused, and for those that turn out to be too many.
func (w *writer) create(ctx context.Context, creations []creation, errs []error) error {
	b := &pgx.Batch{}
	full := make([]store.Quota, len(creations))
	for i := range creations {
		onRoute := w.db.quotas.Route
		if full[i] = w.full(&creations[i]); full[i] != 0 {
			onRoute = 0 // only its twin is looked for
		}
		creations[i].queue(b, onRoute)
	}
	answers := w.conn.SendBatch(ctx, b)
	states, boxes := make([]string, len(creations)), make([]*int64, len(creations))
	for i := range creations {
		if _, err := answers.Exec(); err != nil { // of ended twins
			return errors.Join(err, answers.Close())
		}
		if err := answers.QueryRow().Scan(&states[i], &boxes[i]); err != nil {
			return errors.Join(err, answers.Close())
		}
	}
	if err := answers.Close(); err != nil {
		return err
	}
	routes := &pgx.Batch{}
	var codes []string
	var tooMany [][]byte
	for i := range creations {
		c := &creations[i]
		switch states[i] {
		case "no mailbox":
			errs[i] = store.ErrNotFound
		case "twin":
			twin, err := c.twin(ctx, w.conn)
			if err != nil {
				return err
			}
			errs[i] = &store.DuplicateError{ID: twin}
		case "full":
			errs[i] = w.db.quotas.Refuse(cmp.Or(full[i], store.RouteQuota))
		default:
			if full := w.full(c); full != 0 { // by those before it
				errs[i] = w.db.quotas.Refuse(full)
				tooMany = append(tooMany, c.ID[:])
				continue
			}
			owners := c.owners()
			w.uses.add(1, owners[:]...)
			w.entries = append(w.entries, c.Entry)
			codes = append(codes, c.Criteria.Events...)
			queueRoutes(routes, &c.Subscription, *boxes[i], c.Hash)
		}
	}
	if len(tooMany) > 0 {
		routes.Queue("DELETE FROM subscription WHERE id = ANY($1)", tooMany)
	}
	if len(codes) > 0 {
		queueCodes(routes, codes)
	}
	if routes.Len() == 0 {
		return nil
	}
	return w.conn.SendBatch(ctx, routes).Close()
}

// queue writes the row, where there are fewer than so many on its route. A twin that has ended makes room first; one that lives,
// also one that another node is just creating, keeps the row out.
func (c *creation) queue(b *pgx.Batch, onRoute int64) {
	b.Queue("UPDATE subscription SET same = NULL WHERE hash = $1 AND same = $2 AND ends <= $3", c.Hash, c.Same, c.Now.UnixMicro())
	b.Queue(`WITH box AS (SELECT row FROM mailbox WHERE upper(id) = upper($4)),
		room AS (SELECT row FROM box WHERE $14 < 0 OR $14 > (SELECT count(*) FROM (
			SELECT FROM subscription s WHERE s.hash = $6 AND s.mailbox = box.row AND s.status <> 3 LIMIT greatest($14, 0)) there)),
		made AS (INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, same, status, ends, reason, created, version, contacts, class)
			SELECT $1, $2, $3, row, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $15 FROM room
			ON CONFLICT (hash, same) DO NOTHING RETURNING 1)
		SELECT CASE WHEN NOT EXISTS (SELECT FROM box) THEN 'no mailbox' WHEN EXISTS (SELECT FROM made) THEN ''
			WHEN EXISTS (SELECT FROM room) OR EXISTS (SELECT FROM subscription WHERE hash = $6 AND same = $7) THEN 'twin' ELSE 'full' END, (SELECT row FROM box)`,
		c.ID[:], string(c.ASID), string(c.ODS), c.Mailbox, c.Criteria.Text, c.Hash, c.Same, store.StatusNumber(c.Status), instant(c.End),
		c.Reason, c.Created.UnixMicro(), c.Version, c.Contacts, onRoute, c.Group)
}

// twin finds the equal subscription that kept a row out.
func (c *creation) twin(ctx context.Context, q querier) (id subscription.ID, err error) {
	var raw []byte
	_, err = one(ctx, q, []any{&raw}, "SELECT id FROM subscription WHERE hash = $1 AND same = $2", c.Hash, c.Same)
	copy(id[:], raw)
	return id, err
}

// queueRoutes files a subscription under its route key, event codes and classes;
// one that is not active matches nothing.
func queueRoutes(b *pgx.Batch, s *subscription.Subscription, mailbox, hash int64) {
	if s.Status != subscription.Active {
		return
	}
	candidate := store.RouteCandidate(s, mailbox)
	byClass, classes := classed(s.Criteria.Classes())
	for _, code := range s.Criteria.Events {
		// A version before this one files also those that wait for approval.
		b.Queue(`INSERT INTO route (hash, code, id, candidate, mailbox, classed) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (hash, code, id) DO UPDATE SET candidate = excluded.candidate, since = pg_current_xact_id(),
				mailbox = excluded.mailbox, classed = excluded.classed`,
			hash, codeNumber(code), s.ID[:], candidate, mailbox, byClass)
		if byClass {
			queueClasses(b, hash, codeNumber(code), s.ID[:], classes)
		}
	}
}

// deletion ends subscriptions for good.
type deletion struct {
	ids     [][]byte
	entries []audit.Sealed
}

// Delete is broker.Journal's.
func (db *DB) Delete(ctx context.Context, id subscription.ID, e audit.Entry) error {
	errs, err := db.DeleteAll(ctx, []store.Deletion{{ID: id, Audit: e}})
	if err != nil {
		return err
	}
	return errs[0]
}

// DeleteAll is broker.BulkJournal's.
func (db *DB) DeleteAll(ctx context.Context, all []store.Deletion) (errs []error, err error) {
	var op deletion
	for _, d := range all {
		op.ids = append(op.ids, d.ID[:])
		op.entries = append(op.entries, seal(d.Audit))
	}
	r, err := db.submit(ctx, op)
	return r.errs, err
}

func (d deletion) apply(ctx context.Context, w *writer) (result, error) {
	gone, err := all(ctx, w.conn, func(r pgx.Rows) (id []byte, err error) {
		var system, organisation string
		var live int64
		err = r.Scan(&id, &system, &organisation, &live)
		w.uses.add(-live, owner{store.SystemQuota, system}, owner{store.OrganisationQuota, organisation})
		return id, err
	}, "DELETE FROM subscription WHERE id = ANY($1) RETURNING id, asid, ods, (status <> 3)::int::bigint", d.ids)
	if err != nil {
		return result{}, err
	}
	there := map[string]bool{}
	for _, id := range gone {
		there[string(id)] = true
	}
	r := result{errs: make([]error, len(d.ids))}
	for i, id := range d.ids {
		if !there[string(id)] {
			r.errs[i] = store.ErrNotFound
			continue
		}
		delete(there, string(id)) // named twice, it is gone the second time
		w.entries = append(w.entries, d.entries[i])
	}
	b := &pgx.Batch{}
	// Of those alone: another node may be creating one that was not found.
	b.Queue("DELETE FROM route WHERE id = ANY($1)", gone)
	b.Queue("DELETE FROM quarantine WHERE id = ANY($1)", gone)
	return r, w.conn.SendBatch(ctx, b).Close()
}

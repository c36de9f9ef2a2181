package sqlite

import (
	"context"
	"slices"

	"zombiezen.com/go/sqlite"

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

func (s subscribe) apply(w *writer) (result, error) {
	r := result{errs: make([]error, len(s.creations))}
	for i := range s.creations {
		refusal, err := s.creations[i].insert(w)
		if err != nil {
			return result{}, err
		}
		r.errs[i] = refusal
	}
	return r, nil
}

// insert writes the subscription and what an event finds it under.
func (c *creation) insert(w *writer) (refusal, err error) {
	mailbox, err := number(w.conn, "SELECT row FROM mailbox WHERE id = ?", c.Mailbox)
	if err != nil {
		return nil, err
	}
	if mailbox == 0 {
		return store.ErrNotFound, nil
	}
	if twin, found, err := c.duplicate(w, mailbox); err != nil || found {
		return &store.DuplicateError{ID: twin}, err
	}
	if full, err := c.room(w, mailbox); err != nil || full != nil {
		return full, err
	}
	err = exec(w.conn, `INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, same, status, ends, reason, created, version, contacts, class)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID[:], string(c.ASID), string(c.ODS), mailbox, c.Mailbox, c.Criteria.Text, c.Hash, c.Same,
		store.StatusNumber(c.Status), instant(c.End), c.Reason, c.Created.UnixMicro(), c.Version, c.Contacts, c.Group)
	if err != nil {
		return nil, err
	}
	w.entries = append(w.entries, c.Entry)
	return nil, w.route(&c.Subscription, mailbox, c.Hash)
}

// route files a subscription under its route key, event codes and classes; one
// that is not active matches nothing.
func (w *writer) route(s *subscription.Subscription, mailbox, hash int64) error {
	if s.Status != subscription.Active {
		return nil
	}
	candidate := store.RouteCandidate(s, mailbox)
	since := w.db.NextPosition()
	for _, event := range s.Criteria.Events {
		code, err := w.codeNumber(event)
		if err != nil {
			return err
		}
		for _, class := range s.Criteria.Classes() {
			err = exec(w.conn, "INSERT OR REPLACE INTO route (hash, code, class, mailbox, id, candidate, since) VALUES (?, ?, ?, ?, ?, ?, ?)",
				hash, code, int64(class), mailbox, s.ID[:], candidate, since)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// duplicate looks for an equal subscription that lives. The hash finds it, the
// comparison decides.
func (c *creation) duplicate(w *writer, mailbox int64) (twin subscription.ID, found bool, err error) {
	err = rows(w.conn, "SELECT id, ods, criteria, ends FROM subscription WHERE hash = ? AND mailbox = ? AND same = ?", func(s *sqlite.Stmt) error {
		if ends := s.ColumnInt64(3); found || !s.ColumnIsNull(3) && ends <= c.Now.UnixMicro() {
			return nil
		}
		other, err := subscription.ReadCriteria(s.ColumnText(2))
		if err == nil && s.ColumnText(1) == string(c.ODS) && other.Normal() == c.Normal {
			found = true
			s.ColumnBytes(0, twin[:])
		}
		return nil
	}, c.Hash, mailbox, c.Same)
	return twin, found, err
}

// deletion ends subscriptions for good.
type deletion struct {
	ids     []subscription.ID
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
		op.ids = append(op.ids, d.ID)
		op.entries = append(op.entries, seal(d.Audit))
	}
	r, err := db.submit(ctx, op)
	return r.errs, err
}

func (d deletion) apply(w *writer) (result, error) {
	r := result{errs: make([]error, len(d.ids))}
	for i := range d.ids {
		if err := w.unroute(d.ids[i]); err != nil {
			return result{}, err
		}
		if err := exec(w.conn, "DELETE FROM subscription WHERE id = ?", d.ids[i][:]); err != nil {
			return result{}, err
		}
		if w.conn.Changes() == 0 {
			r.errs[i] = store.ErrNotFound
			continue
		}
		if err := exec(w.conn, "DELETE FROM quarantine WHERE id = ?", d.ids[i][:]); err != nil {
			return result{}, err
		}
		w.entries = append(w.entries, d.entries[i])
	}
	return r, nil
}

// unroute takes a subscription out of matching.
func (w *writer) unroute(id subscription.ID) error {
	var hash, mailbox int64
	var text string
	found, err := row(w.conn, "SELECT hash, mailbox, criteria FROM subscription WHERE id = ?", func(s *sqlite.Stmt) {
		hash, mailbox, text = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnText(2)
	}, id[:])
	if err != nil || !found {
		return err
	}
	criteria, err := subscription.ReadCriteria(text)
	if err != nil { // where it is filed is looked for
		return exec(w.conn, "DELETE FROM route WHERE hash = ? AND code IN (SELECT id FROM event_code) AND id = ?", hash, id[:])
	}
	// Class 0 is where rows stand that could not be read when classes came up.
	for _, class := range slices.Compact(append([]subscription.Class{0}, criteria.Classes()...)) {
		for _, event := range criteria.Events {
			err := exec(w.conn, "DELETE FROM route WHERE hash = ? AND code = ? AND class = ? AND mailbox = ? AND id = ?",
				hash, w.codes[event], int64(class), mailbox, id[:])
			if err != nil {
				return err
			}
		}
	}
	return nil
}

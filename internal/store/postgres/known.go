package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// knownFor is how long mailboxes and workflows are believed without asking
// whether they have changed: a change takes effect on every node within a second.
const knownFor = 300 * time.Millisecond

// known remembers what nearly every request asks for and operators rarely
// change. Mailboxes and restricted workflows are brought up to date when their
// version has grown; event types never change.
type known struct {
	refreshing sync.Mutex // one asks, the others wait for its answer

	mu        sync.RWMutex
	byID      map[string]store.Mailbox // by the id in capitals
	byRow     map[int64]store.Mailbox
	workflows map[string]store.Workflow
	receivers store.Receivers // of workflows
	version   int64
	removed   int64     // of the version: mailboxes were removed so often
	seen      string    // snapshot of the last reading; "" before the first
	asked     time.Time // when the version was asked for last

	names sync.Map // number of an event type (int32) to eventType
}

// reset forgets everything.
func (k *known) reset() {
	k.mu.Lock()
	k.seen, k.asked = "", time.Time{}
	k.mu.Unlock()
	k.names.Clear()
}

// doubt has the version asked for before the next answer: this node has changed
// something.
func (k *known) doubt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = time.Time{}
}

// fresh tells whether what is known was asked for after a moment.
func (k *known) fresh(since time.Time) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.seen != "" && k.asked.After(since)
}

// upToDate brings mailboxes and workflows to the state of a moment, or of a
// later one.
func (db *DB) upToDate(ctx context.Context, since time.Time) error {
	k := &db.known
	if k.fresh(since) {
		return nil
	}
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	if k.fresh(since) {
		return nil
	}
	return db.read(ctx, func(ctx context.Context, q querier) error { return k.refresh(ctx, q) })
}

// atVersion brings mailboxes and workflows to a version or a later one.
func (db *DB) atVersion(ctx context.Context, version int64) error {
	k := &db.known
	k.mu.RLock()
	there := k.seen != "" && k.version >= version
	k.mu.RUnlock()
	if there {
		return nil
	}
	return db.upToDate(ctx, time.Now())
}

// refuse finds a mailbox and tells whether it must not be given a workflow.
func (k *known) refuse(workflow string, row int64) (store.Mailbox, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	box := k.byRow[row]
	return box, k.receivers.Refuse(workflow, box)
}

// refresh reads what has changed since the last reading: what its snapshot did
// not see.
func (k *known) refresh(ctx context.Context, q querier) error {
	asked := time.Now()
	k.mu.RLock()
	last, gone, before := k.version, k.removed, k.seen
	k.mu.RUnlock()
	var version, removed int64
	var seen string
	if err := q.QueryRow(ctx, "SELECT boxes, removed, pg_current_snapshot()::text FROM version").Scan(&version, &removed, &seen); err != nil {
		return err
	}
	if removed != gone {
		before = "" // those that are gone are not among what has changed
	}
	if before != "" && version == last {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.asked = asked
		return nil
	}
	boxes, err := all(ctx, q, scanMailbox, selectMailbox+" WHERE $1 = '' OR NOT pg_visible_in_snapshot(since, nullif($1, '')::pg_snapshot)", before)
	if err != nil {
		return err
	}
	workflows, err := all(ctx, q, func(r pgx.Rows) (w store.Workflow, err error) {
		return w, r.Scan(&w.ID, &w.Senders, &w.Receivers)
	}, "SELECT id, senders, receivers FROM workflow")
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if before == "" {
		k.byID, k.byRow = map[string]store.Mailbox{}, map[int64]store.Mailbox{}
	}
	for _, m := range boxes {
		k.byRow[m.Row] = m
		if key, err := store.MailboxKey(m.ID); err == nil { // others were put before ids were checked
			k.byID[key] = m
		}
	}
	k.workflows, k.receivers = map[string]store.Workflow{}, store.Receivers{}
	for _, w := range workflows {
		k.workflows[w.ID] = w
		k.receivers.Add(w)
	}
	k.version, k.removed, k.seen, k.asked = version, removed, seen, asked
	return nil
}

// box finds a mailbox by its row; store.ErrNotFound when there is none.
func (db *DB) box(ctx context.Context, row int64) (store.Mailbox, error) {
	return db.findBox(ctx, func(k *known) (store.Mailbox, bool) {
		m, ok := k.byRow[row]
		return m, ok
	})
}

// findBox looks among the mailboxes. For one that is not known the database is
// asked: another node may just have made it.
func (db *DB) findBox(ctx context.Context, find func(*known) (store.Mailbox, bool)) (store.Mailbox, error) {
	now := time.Now()
	for _, since := range []time.Time{now.Add(-knownFor), now} {
		if err := db.upToDate(ctx, since); err != nil {
			return store.Mailbox{}, err
		}
		db.known.mu.RLock()
		m, ok := find(&db.known)
		db.known.mu.RUnlock()
		if ok {
			return m, nil
		}
	}
	return store.Mailbox{}, store.ErrNotFound
}

// boxes lists all mailboxes in the order of their rows.
func (db *DB) boxes(ctx context.Context) ([]store.Mailbox, error) {
	if err := db.upToDate(ctx, time.Now().Add(-knownFor)); err != nil {
		return nil, err
	}
	db.known.mu.RLock()
	out := slices.Collect(maps.Values(db.known.byRow))
	db.known.mu.RUnlock()
	slices.SortFunc(out, func(a, b store.Mailbox) int { return cmp.Compare(a.Row, b.Row) })
	return out, nil
}

// typeName returns the code and the workflow id of an event type's number.
func (db *DB) typeName(ctx context.Context, q querier, number int32) (eventType, error) {
	if t, ok := db.known.names.Load(number); ok {
		return t.(eventType), nil //nolint:forcetypeassert // it holds nothing else
	}
	var t eventType
	found, err := one(ctx, q, []any{&t.code, &t.workflow}, "SELECT code, workflow FROM event_type WHERE id = $1", number)
	if err == nil && found {
		db.known.names.Store(number, t)
	}
	return t, err
}

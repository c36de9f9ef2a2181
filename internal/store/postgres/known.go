package postgres

import (
	"context"
	"errors"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// knownFor is how long mailboxes and workflows are believed without asking
// whether they have changed: a change takes effect on every node within a second.
const knownFor = 300 * time.Millisecond

// known remembers what nearly every request asks for and operators rarely
// change. Mailboxes and restricted workflows are read again when their version
// has grown; numbers of event types and codes never change.
type known struct {
	mu     sync.Mutex
	tables *tables
	asked  time.Time // when the version was asked for last

	types sync.Map // eventType to its number (int32)
	names sync.Map // number (int32) to eventType
	codes sync.Map // event code to its number (int32)
}

// tables is one state of mailboxes and workflows. It is never changed.
type tables struct {
	version   int64
	byID      map[string]store.Mailbox // by the id in capitals
	byRow     map[int64]store.Mailbox
	workflows map[string]store.Workflow
}

// eventType is a row of the table event_type.
type eventType struct{ code, workflow string }

// knownTables returns the tables as of now, or of knownFor ago.
func (db *DB) knownTables(ctx context.Context) (*tables, error) {
	k := &db.known
	k.mu.Lock()
	t, asked := k.tables, k.asked
	k.mu.Unlock()
	if t != nil && time.Since(asked) < knownFor {
		return t, nil
	}
	return db.readKnown(ctx, t)
}

// readKnown asks whether the tables have changed, and reads them if so.
func (db *DB) readKnown(ctx context.Context, t *tables) (*tables, error) {
	asking := time.Now()
	err := db.read(ctx, func(q querier) error {
		var version int64
		// The version first: a change in between is read twice, never missed.
		if err := q.QueryRow(ctx, "SELECT boxes FROM version").Scan(&version); err != nil {
			return err
		}
		if t != nil && t.version == version {
			return nil
		}
		var err error
		t, err = readTables(ctx, q, version)
		return err
	})
	if err != nil {
		return nil, err
	}
	k := &db.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if asking.After(k.asked) && (k.tables == nil || k.tables.version <= t.version) {
		k.tables, k.asked = t, asking
	}
	return t, nil
}

// reset forgets everything: another server has taken over, which may lack what
// the one before had confirmed.
func (k *known) reset() {
	k.forget()
	k.types.Clear()
	k.names.Clear()
	k.codes.Clear()
}

// forget has the tables asked for anew: this node has changed them.
func (k *known) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tables, k.asked = nil, time.Now()
}

func readTables(ctx context.Context, q querier, version int64) (*tables, error) {
	t := &tables{version: version, byID: map[string]store.Mailbox{}, byRow: map[int64]store.Mailbox{}, workflows: map[string]store.Workflow{}}
	boxes, err := all(ctx, q, scanMailbox, selectMailbox)
	if err != nil {
		return nil, err
	}
	for _, m := range boxes {
		t.byID[strings.ToUpper(m.ID)], t.byRow[m.Row] = m, m
	}
	workflows, err := all(ctx, q, func(r pgx.Rows) (w store.Workflow, err error) {
		return w, r.Scan(&w.ID, &w.Senders, &w.Receivers)
	}, "SELECT id, senders, receivers FROM workflow")
	for _, w := range workflows {
		t.workflows[w.ID] = w
	}
	return t, err
}

// box finds a mailbox by its row; store.ErrNotFound when there is none. One that
// is not known is asked for: another node may just have made it.
func (db *DB) box(ctx context.Context, row int64) (store.Mailbox, error) {
	return db.findBox(ctx, func(t *tables) (store.Mailbox, bool) {
		m, ok := t.byRow[row]
		return m, ok
	})
}

func (db *DB) findBox(ctx context.Context, find func(*tables) (store.Mailbox, bool)) (store.Mailbox, error) {
	t, err := db.knownTables(ctx)
	if err != nil {
		return store.Mailbox{}, err
	}
	if m, ok := find(t); ok {
		return m, nil
	}
	if t, err = db.readKnown(ctx, t); err != nil {
		return store.Mailbox{}, err
	}
	if m, ok := find(t); ok {
		return m, nil
	}
	return store.Mailbox{}, store.ErrNotFound
}

// typeNumber returns the number of an event type, adding it when it is new: in a
// transaction of its own, so that what is remembered is always on disk.
func (db *DB) typeNumber(ctx context.Context, t eventType) (int32, error) {
	if n, ok := db.known.types.Load(t); ok {
		return n.(int32), nil //nolint:forcetypeassert // it holds nothing else
	}
	n, err := db.numbered(ctx, t.code+"|"+t.workflow, "SELECT id FROM event_type WHERE id = $1 AND code = $2 AND workflow = $3",
		"INSERT INTO event_type (id, code, workflow) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", t.code, t.workflow)
	if err == nil {
		db.known.types.Store(t, n)
	}
	return n, err
}

// codeNumber returns the number of an event code, adding it when it is new.
func (db *DB) codeNumber(ctx context.Context, code string) (int32, error) {
	if n, ok := db.known.codes.Load(code); ok {
		return n.(int32), nil //nolint:forcetypeassert // it holds nothing else
	}
	n, err := db.numbered(ctx, code, "SELECT id FROM event_code WHERE id = $1 AND code = $2",
		"INSERT INTO event_code (id, code) VALUES ($1, $2) ON CONFLICT DO NOTHING", code)
	if err == nil {
		db.known.codes.Store(code, n)
	}
	return n, err
}

// errNumberTaken: two names have one hash. There are a few dozen names.
var errNumberTaken = errors.New("two event types have the same number")

// numbered makes sure that the row of a name is there, and returns its number:
// a hash of the name, above 0.
func (db *DB) numbered(ctx context.Context, name, find, add string, args ...any) (int32, error) {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // never fails
	number := int32(hash.Sum32()>>1 | 1)
	args = append([]any{number}, args...)
	there := func() (found bool, err error) {
		err = db.read(ctx, func(q querier) error {
			var n int32
			found, err = one(ctx, q, []any{&n}, find, args...)
			return err
		})
		return found, err
	}
	if found, err := there(); err != nil || found {
		return number, err
	}
	err := db.change(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, add, args...)
		return err
	})
	if err != nil {
		return 0, err
	}
	found, err := there()
	if err == nil && !found {
		err = errNumberTaken
	}
	return number, err
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

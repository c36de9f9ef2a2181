package sqlite

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sync"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/ledger"
	"nems/internal/subscription"
)

// engine is the database as the ledger uses it.
type engine struct{ *DB }

func (e engine) Read(ctx context.Context, read func(ledger.Reader) error) error {
	return e.readers.read(ctx, func(conn *sqlite.Conn) error { return read(reader{conn}) })
}

func (e engine) View(ctx context.Context, read func(ledger.Reader) error) error {
	return e.view(ctx, func(conn *sqlite.Conn) error { return read(reader{conn}) })
}

func (e engine) Commit(ctx context.Context, op ledger.Op) (any, error) {
	r, err := e.submit(ctx, verb{op})
	return r.answer, err
}

// Change is Commit: one connection writes.
func (e engine) Change(ctx context.Context, op ledger.Op) (any, error) { return e.Commit(ctx, op) }

// Together is Commit too.
func (e engine) Together(ctx context.Context, _ int64, op ledger.Op) (any, error) {
	return e.Commit(ctx, op)
}

func (e engine) Post(op ledger.Op) error { return e.committer.Post(verb{op}) }

func (e engine) Box(ctx context.Context, row int64) (store.Mailbox, error) { return e.box(ctx, row) }

func (e engine) BoxByID(ctx context.Context, id string) (store.Mailbox, error) {
	return e.Mailbox(ctx, id)
}

func (e engine) Boxes(ctx context.Context) ([]store.Mailbox, error) { return e.Mailboxes(ctx) }

// KnowWorkflows has nothing to do: the writer knows them as its transaction has
// them.
func (engine) KnowWorkflows(context.Context) error { return nil }

func (e engine) Moments() *store.Moments { return &e.moments.Moments }

func (e engine) Dialect() ledger.Dialect { return dialect{e.DB} }

// verb is an operation of the ledger.
type verb struct{ ledger.Op }

func (v verb) apply(w *writer) (result, error) {
	tx := &tx{reader{w.conn}, w, nil}
	answer, err := v.Apply(tx)
	var refused ledger.Refused
	if errors.As(err, &refused) {
		return result{err: refused.Reason}, tx.failed
	}
	return result{answer: answer}, errors.Join(err, tx.failed)
}

// tx is the writer's transaction.
type tx struct {
	reader
	w      *writer
	failed error // of Later
}

func (t *tx) Exec(statement string, args ...any) (int64, error) {
	if err := t.Query(nil, statement, args...); err != nil {
		return 0, err
	}
	return int64(t.conn.Changes()), nil
}

// Later runs the statement at once: there is no round trip to save.
func (t *tx) Later(statement string, args ...any) {
	if t.failed == nil {
		_, t.failed = t.Exec(statement, args...)
	}
}

// Lock and LockFree lock nothing: nobody else writes.
func (*tx) Lock(string) string     { return "" }
func (*tx) LockFree(string) string { return "" }

func (t *tx) Record(e audit.Entry) { t.w.entries = append(t.w.entries, seal(e)) }

func (t *tx) RegistryChanged() { t.Later("UPDATE registry_version SET version = version + 1") }

func (t *tx) BoxesChanged(bool) { t.w.changeTables() }

func (t *tx) MakeMailbox(m store.Mailbox) (int64, error) {
	r, err := putMailbox{m}.apply(t.w)
	return int64(r.n), err
}

func (t *tx) Subscribe(f store.Filing) error {
	c := creation{f}
	refusal, err := c.insert(t.w)
	if err == nil && refusal != nil {
		err = ledger.Refused{Reason: refusal}
	}
	return err
}

// Whole uses a savepoint: other operations share the transaction.
func (t *tx) Whole(do func() error) error {
	if err := exec(t.conn, "SAVEPOINT whole"); err != nil {
		return err
	}
	entries := len(t.w.entries)
	err := do()
	var refused ledger.Refused
	if errors.As(err, &refused) {
		t.w.entries, t.w.tables = t.w.entries[:entries], nil
		if err := exec(t.conn, "ROLLBACK TO whole"); err != nil {
			return err
		}
	} else if err != nil {
		return err // which undoes the whole transaction
	}
	if err := exec(t.conn, "RELEASE whole"); err != nil {
		return err
	}
	return err
}

func (t *tx) Collect(mailbox int64, position store.EventID, to store.State, at int64, why []byte) (bool, error) {
	moved, _, err := t.w.collect(mailbox, position, to, at, why)
	return moved, err
}

func (t *tx) Refuses(workflow string, mailbox int64) (bool, error) {
	known, err := t.w.currentTables()
	if err != nil {
		return false, err
	}
	return known.receivers.Refuse(workflow, known.byRow[mailbox]), nil
}

// CopiedTo adds the mailbox to those by which sweeps find an event's copies.
func (t *tx) CopiedTo(mailbox int64, positions []int64) error {
	packed := store.PackCopies([]subscription.Copy{{Mailbox: mailbox}})[1:] // without the version
	for _, p := range positions {
		n, err := t.Exec("UPDATE event SET mailboxes = CAST(mailboxes || $2 AS BLOB) WHERE id = $1 AND mailboxes IS NOT NULL", p, binary.AppendUvarint(nil, uint64(mailbox)))
		if err == nil && n == 0 {
			_, err = t.Exec("UPDATE fanout SET copies = CAST(copies || $2 AS BLOB) WHERE event = $1", p, packed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Route(s *subscription.Subscription, mailbox, hash int64) error {
	return t.w.route(s, mailbox, hash)
}

func (t *tx) Unroute(id subscription.ID) error { return t.w.unroute(id) }

// Ended has nothing to do: triggers count.
func (*tx) Ended(*subscription.Subscription) {}

// reader reads through a connection, in one state of the database.
type reader struct{ conn *sqlite.Conn }

func (r reader) Query(each func(ledger.Row) error, statement string, args ...any) error {
	for i, arg := range args {
		args[i] = listed(arg)
	}
	if each == nil {
		return rows(r.conn, numbered(statement), nil, args...)
	}
	return rows(r.conn, numbered(statement), func(s *sqlite.Stmt) error { return each(columns{s}) }, args...)
}

// parameter is what a statement of the ledger calls a parameter. SQLite would take
// $2 for a name, and number names as they come up. The sign makes an expression of
// it: SQLite plans a statement anew for each value of a bare parameter in a range or
// a LIMIT.
var parameter = regexp.MustCompile(`\$(\d+)`)

var statements sync.Map // of the ledger to SQLite's

func numbered(statement string) string {
	if known, ok := statements.Load(statement); ok {
		return known.(string) //nolint:forcetypeassert // it holds nothing else
	}
	ours := parameter.ReplaceAllString(statement, "+?$1")
	statements.Store(statement, ours)
	return ours
}

// listed makes an argument of a list that dialect.In reads.
func listed(arg any) any {
	switch list := arg.(type) {
	case []int64:
		b, _ := json.Marshal(list) //nolint:errchkjson // numbers
		return string(b)
	case [][]byte:
		hex := make([]string, len(list))
		for i, b := range list {
			hex[i] = fmt.Sprintf("%x", b)
		}
		b, _ := json.Marshal(hex) //nolint:errchkjson // texts
		return string(b)
	}
	return arg
}

// columns are those of the row at which a statement stands.
type columns struct{ stmt *sqlite.Stmt }

func (c columns) Scan(into ...any) error {
	for i, p := range into {
		switch p := p.(type) {
		case *int64:
			*p = c.stmt.ColumnInt64(i)
		case *int:
			*p = c.stmt.ColumnInt(i)
		case *bool:
			*p = c.stmt.ColumnBool(i)
		case *string:
			*p = c.stmt.ColumnText(i)
		case *[]byte:
			*p = blob(c.stmt, i)
		case *store.EventID:
			*p = store.EventID(c.stmt.ColumnInt64(i))
		case **int64:
			if *p = nil; !c.stmt.ColumnIsNull(i) {
				*p = new(c.stmt.ColumnInt64(i))
			}
		default:
			if err := c.reflected(i, reflect.ValueOf(p).Elem()); err != nil {
				return err
			}
		}
	}
	return nil
}

// reflected scans a column into a type that a text or a number makes.
func (c columns) reflected(column int, into reflect.Value) error {
	switch into.Kind() {
	case reflect.String:
		into.SetString(c.stmt.ColumnText(column))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		into.SetInt(c.stmt.ColumnInt64(column))
	case reflect.Uint8:
		into.SetUint(uint64(c.stmt.ColumnInt64(column)))
	default:
		return fmt.Errorf("column %d: no such thing as a column of %s", column, into.Type())
	}
	return nil
}

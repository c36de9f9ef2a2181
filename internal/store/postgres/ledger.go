package postgres

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/ledger"
	"nems/internal/subscription"
)

// engine is the database as the ledger uses it.
type engine struct{ *DB }

func (e engine) Read(ctx context.Context, read func(ledger.Reader) error) error {
	return e.read(ctx, func(ctx context.Context, q querier) error { return read(reader{ctx, q}) })
}

func (e engine) View(ctx context.Context, read func(ledger.Reader) error) error {
	return e.view(ctx, func(ctx context.Context, q querier) error { return read(reader{ctx, q}) })
}

func (e engine) Commit(ctx context.Context, op ledger.Op) (any, error) {
	if _, does := op.(ledger.Subscribing); does {
		defer e.known.doubt() // it may make a mailbox
	}
	r, err := e.submit(ctx, verb{op})
	return r.answer, err
}

// Change has the operation a transaction of its own, so that it waits for no batch.
func (e engine) Change(ctx context.Context, op ledger.Op) (answer any, err error) {
	var entries []audit.Entry
	var gone bool
	err = e.change(ctx, func(ctx context.Context, q pgx.Tx) error {
		tx := &tx{reader: reader{ctx, q}, db: e.DB}
		answer, err = tx.apply(op)
		entries, gone = tx.entries, tx.gone
		return err
	})
	var refused ledger.Refused
	if errors.As(err, &refused) {
		return nil, refused.Reason
	}
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		e.Record(entry)
	}
	if gone {
		e.known.doubt()
	}
	return answer, nil
}

func (e engine) Post(op ledger.Op) error { return e.writer.committer.Post(task{change: verb{op}}) }

func (e engine) Box(ctx context.Context, row int64) (store.Mailbox, error) { return e.box(ctx, row) }

func (e engine) BoxByID(ctx context.Context, id string) (store.Mailbox, error) {
	return e.Mailbox(ctx, id)
}

func (e engine) Boxes(ctx context.Context) ([]store.Mailbox, error) { return e.boxes(ctx) }

func (e engine) KnowWorkflows(ctx context.Context) error { return e.upToDate(ctx, time.Now()) }

func (e engine) Moments() *store.Moments { return &e.moments }

func (e engine) Dialect() ledger.Dialect { return dialect{e.DB} }

// verb is an operation of the ledger, as a change of the committer's.
type verb struct{ ledger.Op }

func (v verb) apply(ctx context.Context, w *writer) (result, error) {
	tx := &tx{reader: reader{ctx, w.conn}, db: w.db, w: w}
	answer, err := tx.apply(v.Op)
	var refused ledger.Refused
	if errors.As(err, &refused) {
		return result{err: refused.Reason}, nil
	}
	for _, e := range tx.entries {
		w.entries = append(w.entries, seal(e))
	}
	return result{answer: answer}, err
}

// tx is a transaction: the committer's, or one of its own.
type tx struct {
	reader
	db      *DB
	w       *writer // nil outside the committer
	later   pgx.Batch
	entries []audit.Entry
	gone    bool // mailboxes were removed
}

// apply applies an operation with all that it has left for later.
func (t *tx) apply(op ledger.Op) (any, error) {
	answer, err := op.Apply(t)
	if err == nil {
		err = t.flush()
	}
	return answer, err
}

// flush sends what was left for later.
func (t *tx) flush() error {
	if t.later.Len() == 0 {
		return nil
	}
	err := t.q.SendBatch(t.ctx, &t.later).Close()
	t.later = pgx.Batch{}
	return err
}

func (t *tx) Query(each func(ledger.Row) error, statement string, args ...any) error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.reader.Query(each, statement, args...)
}

func (t *tx) Exec(statement string, args ...any) (int64, error) {
	if err := t.flush(); err != nil {
		return 0, err
	}
	tag, err := t.q.Exec(t.ctx, statement, args...)
	return tag.RowsAffected(), err
}

func (t *tx) Later(statement string, args ...any) { t.later.Queue(statement, args...) }

func (*tx) Lock(alias string) string     { return " FOR UPDATE OF " + alias }
func (*tx) LockFree(alias string) string { return " FOR UPDATE OF " + alias + " SKIP LOCKED" }

func (t *tx) Record(e audit.Entry) { t.entries = append(t.entries, e) }

func (t *tx) RegistryChanged() { t.w.registryChanged = true }

func (t *tx) BoxesChanged(gone bool) {
	if gone {
		t.gone = true
		t.Later("UPDATE version SET boxes = boxes + 1, removed = removed + 1")
		return
	}
	t.w.boxesChanged = true
}

func (t *tx) MakeMailbox(m store.Mailbox) (int64, error) {
	if err := t.flush(); err != nil {
		return 0, err
	}
	r, err := puttingMailbox(m).apply(t.ctx, t.w)
	return int64(r.n), err
}

func (t *tx) Subscribe(f store.Filing) error {
	if err := t.flush(); err != nil {
		return err
	}
	var refusal [1]error
	err := t.w.create(t.ctx, []creation{{f}}, refusal[:])
	if err == nil && refusal[0] != nil {
		err = ledger.Refused{Reason: refusal[0]}
	}
	return err
}

// wholeLock is held, until they commit, by transactions with a part that is whole: the
// advisory lock "NEMS" 2. Who takes quotaLock too has taken that before.
const wholeLock = 0x4e454d53<<32 | 2

// Whole uses a savepoint: other operations share the transaction.
func (t *tx) Whole(do func() error) error {
	t.Later("SELECT pg_advisory_xact_lock($1)", int64(wholeLock))
	t.Later("SAVEPOINT whole")
	if err := t.flush(); err != nil {
		return err
	}
	ours, sealed := len(t.entries), len(t.w.entries)
	err := do()
	var refused ledger.Refused
	if errors.As(err, &refused) {
		t.entries, t.w.entries, t.later = t.entries[:ours], t.w.entries[:sealed], pgx.Batch{}
		t.Later("ROLLBACK TO SAVEPOINT whole")
	} else if err != nil {
		return err // which undoes the whole transaction
	}
	t.Later("RELEASE SAVEPOINT whole")
	if err := t.flush(); err != nil {
		return err
	}
	return err
}

func (t *tx) Collect(mailbox int64, position store.EventID, to store.State, at int64, why []byte) (bool, error) {
	if err := t.flush(); err != nil {
		return false, err
	}
	return collect(t.ctx, t.q, mailbox, position, to, at, why)
}

func (t *tx) Refuses(workflow string, mailbox int64) (bool, error) {
	_, refused := t.db.known.refuse(workflow, mailbox)
	return refused, nil
}

// CopiedTo has nothing to do: a copy is found by its position.
func (*tx) CopiedTo(int64, []int64) error { return nil }

func (t *tx) Route(s *subscription.Subscription, mailbox, hash int64) error {
	queueCodes(&t.later, s.Criteria.Events)
	queueRoutes(&t.later, s, mailbox, hash)
	return nil
}

func (t *tx) Unroute(id subscription.ID) error {
	t.Later("DELETE FROM route WHERE id = $1", id[:])
	return nil
}

func (t *tx) Ended(s *subscription.Subscription) {
	t.w.uses.add(-1, owner{store.SystemQuota, string(s.ASID)}, owner{store.OrganisationQuota, string(s.ODS)})
}

// reader reads through a connection, each statement in a state of its own. It lives
// as long as its context.
type reader struct {
	ctx context.Context //nolint:containedctx // the statements of a verb share it
	q   querier
}

func (r reader) Query(each func(ledger.Row) error, statement string, args ...any) error {
	rows, err := r.q.Query(r.ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(columns{rows}); err != nil {
			return err
		}
	}
	return rows.Err()
}

// columns are those of the row at which a query stands.
type columns struct{ rows pgx.Rows }

// Scan takes NULL for the zero value, which pgx refuses where no pointer can be
// nil.
func (c columns) Scan(into ...any) error {
	targets := make([]any, len(into))
	var nullable []reflect.Value // of what stands in targets at the same place
	for i, p := range into {
		targets[i] = p
		to := reflect.ValueOf(p).Elem()
		if kind := to.Kind(); kind == reflect.Pointer || kind == reflect.Slice {
			continue
		}
		if nullable == nil {
			nullable = make([]reflect.Value, len(into))
		}
		nullable[i] = reflect.New(reflect.PointerTo(to.Type()))
		targets[i] = nullable[i].Interface()
	}
	if err := c.rows.Scan(targets...); err != nil {
		return err
	}
	for i, v := range nullable {
		if !v.IsValid() {
			continue
		}
		if to := reflect.ValueOf(into[i]).Elem(); v.Elem().IsNil() {
			to.SetZero()
		} else {
			to.Set(v.Elem().Elem())
		}
	}
	return nil
}

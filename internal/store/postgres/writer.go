package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/store"
	"nems/internal/store/ledger"
)

// operation is one change that the audit tells of, other than a publish. The
// types that implement it are plain values, made before the committer.
//
// apply runs within a transaction. An error of its second result rolls the
// whole batch back. A refusal is not such an error: it goes into result.err,
// and apply must then have changed nothing.
type operation interface {
	apply(ctx context.Context, w *writer) (result, error)
}

// task is what the committer is given: a publish, which is done together with
// the others of its batch, or a change.
type task struct {
	publish *accept
	change  operation
}

// accepts are the publishes that the task is, or that come with its change.
func (t task) accepts() []*accept {
	if t.publish != nil {
		return []*accept{t.publish}
	}
	if c, ok := t.change.(changeRecord); ok {
		return c.events
	}
	return nil
}

// result is what a task came to; each kind of task uses its field.
type result struct {
	err      error // the task was refused
	errs     []error
	receipt  store.Receipt
	receipts []store.Receipt // of the events of a change
	n        int
	answer   any // of a verb of the ledger
}

// weight is how many bytes a task holds.
func weight(t task) int {
	size := 0
	for _, a := range t.accepts() {
		size += len(a.Body.Data)
	}
	if v, ok := t.change.(verb); ok {
		if heavy, ok := v.Op.(ledger.Heavy); ok {
			return heavy.Weight()
		}
	}
	return size
}

// writer is the committer with its connection and its chain of the audit.
type writer struct {
	db        *DB
	committer *store.Committer[task, result]
	conn      *pgx.Conn // nil: to be made
	used      time.Time // when the server last answered on it
	chain     *audit.Chain
	begun     bool               // the chain has a link on disk
	listed    map[eventType]bool // have their rows, as far as this connection knows

	// Of the batch:
	uses                          uses
	entries                       []audit.Sealed
	listing                       []eventType // become listed
	registryChanged, boxesChanged bool
	spreadDue                     bool
	committing                    bool // COMMIT is on its way: whether it counts is not known without an answer
}

// After so long without use a connection is asked whether it is still one, and
// for so long: its end would otherwise be noticed by a COMMIT, whose outcome then
// is not known.
const (
	trusted  = 100 * time.Millisecond
	pingWait = time.Second
)

// connect makes the connection when there is none, when it has ended, or when
// its server is no longer the primary.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() && w.db.servers.current(w.conn) && w.alive(ctx) {
		return nil
	}
	_ = w.disconnect() // what was under way has been answered
	conn, err := w.db.servers.connect(ctx)
	if err != nil {
		return err
	}
	w.conn, w.used, w.listed = conn, time.Now(), map[eventType]bool{}
	return nil
}

// alive tells whether the server answered just now, or does when it is asked.
func (w *writer) alive(ctx context.Context) bool {
	if time.Since(w.used) < trusted {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	return w.conn.Ping(ctx) == nil
}

func (w *writer) disconnect() error {
	if w.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := w.conn.Close(ctx)
	w.conn = nil
	return err
}

// commit is the committer's store.Commit. It ends with the database's answer or
// a timeout, never because a caller went away: a COMMIT that is cancelled while
// it waits for its standby is answered as if it had been replicated.
func (w *writer) commit(tasks []task, out []store.Outcome[result]) error {
	if w.db.closed.Load() {
		return store.ErrClosed
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitWait)
	defer cancel()
	// Two nodes may have changed the same rows in another order. Nothing is stored
	// then; the other's batch goes on, and lets go of what this one needs.
	err := untilAlone(ctx, func() error {
		if err := w.try(ctx, tasks, out); err != nil {
			return w.failed(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if w.spreadDue {
		w.db.wakeSpreader()
	}
	return nil
}

// try commits the batch, or changes nothing that a second try would miss.
func (w *writer) try(ctx context.Context, tasks []task, out []store.Outcome[result]) error {
	if err := w.prepare(ctx, tasks); err != nil {
		return err
	}
	waiting := w.db.records.Take()
	err := w.transact(ctx, tasks, out, waiting)
	if err != nil {
		w.db.records.PutBack(waiting)
	}
	return err
}

// prepare does what must not be part of the transaction.
func (w *writer) prepare(ctx context.Context, tasks []task) error {
	w.entries, w.listing = w.entries[:0], w.listing[:0]
	w.registryChanged, w.boxesChanged, w.spreadDue, w.committing = false, false, false, false
	for _, t := range tasks {
		for _, a := range t.accepts() {
			if err := w.db.days.ensure(ctx, w.db, a.Event); err != nil {
				return err
			}
		}
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	if w.begun {
		return nil
	}
	// Until its first link is on disk the chain has to name ends that are new.
	seen, err := heads(ctx, w.conn)
	if err != nil {
		return err
	}
	w.chain = audit.NewChain(int64(w.db.NextPosition()), seen)
	return nil
}

// failed says what an error means for the batch, and drops a connection whose
// state is not known.
func (w *writer) failed(err error) error {
	if w.committing {
		err = commitError(err)
	}
	if w.conn != nil && (w.committing || w.conn.PgConn().TxStatus() != 'I' || passing(err)) {
		_ = w.disconnect() // the transaction, if there is one, ends with it
	}
	if errors.Is(err, store.ErrUnknown) {
		// Whether the chain has the link is not known either: another begins.
		w.chain, w.begun = nil, false
	}
	return w.db.classify(err)
}

// transact runs the batch in one transaction: the publishes together, the rest
// in order, then the link of the audit, then COMMIT. Publishes without
// idempotency keys take one round trip.
func (w *writer) transact(ctx context.Context, tasks []task, out []store.Outcome[result], waiting []audit.Sealed) error {
	o := newOpening(tasks)
	b := &pgx.Batch{}
	o.begin(b)
	var known map[string]earlier
	if asked := o.queue(b, w.db.moments.Position(w.db.opts.Settled().Add(-store.KeyLife)), timeline(w.conn)); asked || o.changes {
		var err error
		if known, err = w.ask(ctx, b, o); err != nil {
			return err
		}
		b = &pgx.Batch{}
	}
	o.conclude(known)
	for i, r := range o.results {
		out[o.at[i]] = store.Outcome[result]{Value: r, Err: r.err}
	}
	if err := w.applyChanges(ctx, tasks, out); err != nil {
		return err
	}
	w.queueUses(b)
	w.queueAccepted(b, o)
	w.entries = append(w.entries, waiting...)
	link := w.queueLink(b)
	if w.registryChanged {
		b.Queue("UPDATE version SET registry = registry + 1")
	}
	if w.boxesChanged {
		b.Queue("UPDATE version SET boxes = boxes + 1")
	}
	b.Queue("COMMIT")
	if err := w.finish(ctx, b); err != nil {
		return err
	}
	if link != nil {
		w.chain.Extend(*link)
		w.begun = true
	}
	for _, t := range w.listing {
		w.listed[t] = true
	}
	return nil
}

// ask begins the transaction and asks what the publishes depend on.
func (w *writer) ask(ctx context.Context, b *pgx.Batch, o *opening) (map[string]earlier, error) {
	answers := w.conn.SendBatch(ctx, b)
	known, err := o.read(answers, w.db)
	if closing := answers.Close(); err == nil {
		err = closing
	}
	for _, a := range o.again {
		if err == nil && a.crowded() {
			err = w.db.gather(ctx, w.conn, a)
		}
	}
	return known, err
}

// applyChanges does the changes of the batch, one after the other.
func (w *writer) applyChanges(ctx context.Context, tasks []task, out []store.Outcome[result]) error {
	if err := w.askUses(ctx, tasks); err != nil {
		return err
	}
	for i, t := range tasks {
		if t.change == nil {
			continue
		}
		r, err := t.change.apply(ctx, w)
		if err != nil {
			return err
		}
		out[i] = store.Outcome[result]{Value: r, Err: r.err}
	}
	return nil
}

// finish sends the last statements with COMMIT, and reads all answers.
func (w *writer) finish(ctx context.Context, b *pgx.Batch) error {
	_ = warned(w.conn) // what was heard before has nothing to do with this commit
	w.committing = true
	crashpoint.Hit(crashpoint.BeforeCommit)
	answers := w.conn.SendBatch(ctx, b)
	var err error
	var tag pgconn.CommandTag
	for range b.Len() {
		if tag, err = answers.Exec(); err != nil {
			break
		}
	}
	if closing := answers.Close(); err == nil {
		err = closing
	}
	if err == nil && tag.String() != "COMMIT" {
		err = pgx.ErrTxCommitRollback
	}
	if err == nil {
		err = warned(w.conn)
	}
	if err == nil {
		crashpoint.Hit(crashpoint.AfterCommit)
		w.committing, w.used = false, time.Now()
	}
	return err
}

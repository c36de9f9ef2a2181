package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nems/internal/audit"
	"nems/internal/store"
)

// operation is one change that the audit tells of. The types that implement it
// are plain values, made before the committer; publishes (accept) are not done
// one by one but together, see acceptAll.
//
// apply runs within a transaction. An error of its second result rolls the
// whole batch back. A refusal is not such an error: it goes into result.err,
// and apply must then have changed nothing.
type operation interface {
	apply(ctx context.Context, w *writer) (result, error)
}

// result is what an operation came to; each kind of operation uses its field.
type result struct {
	err     error // the operation was refused
	errs    []error
	receipt store.Receipt
	n       int
}

// weight is how many bytes an operation holds.
func weight(op operation) int {
	if a, ok := op.(*accept); ok {
		return len(a.Body.Data)
	}
	return 0
}

// writer is one committer with its connection and its chain of the audit.
type writer struct {
	db        *DB
	committer *store.Committer[operation, result]
	conn      *pgx.Conn // nil: to be made
	chain     *audit.Chain
	begun     bool // the chain has a link on disk

	// Of the batch:
	entries    []audit.Sealed
	changed    map[string]bool // columns of table version that are to grow
	spreadDue  bool
	committing bool // COMMIT is on its way: whether it counts is not known without an answer
}

// connect makes the connection when there is none, or when its server is no
// longer the primary.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() && w.db.servers.current(w.conn) {
		return nil
	}
	_ = w.disconnect() // what was under way has been answered
	conn, err := w.db.servers.connect(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	return nil
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
func (w *writer) commit(ops []operation, out []store.Outcome[result]) error {
	if w.db.closed.Load() {
		return store.ErrClosed
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*statementWait)
	defer cancel()
	if err := w.prepare(ctx, ops); err != nil {
		return w.failed(err)
	}
	waiting := w.db.records.Take()
	err := w.transact(ctx, ops, out, waiting)
	if err != nil {
		w.db.records.PutBack(waiting)
		return w.failed(err)
	}
	if w.spreadDue {
		w.db.wakeSpreader()
	}
	return nil
}

// prepare does what must not be part of the transaction.
func (w *writer) prepare(ctx context.Context, ops []operation) error {
	w.entries, w.changed, w.spreadDue, w.committing = w.entries[:0], map[string]bool{}, false, false
	for _, op := range ops {
		if a, ok := op.(*accept); ok {
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
// in order, then the link of the audit, then COMMIT.
func (w *writer) transact(ctx context.Context, ops []operation, out []store.Outcome[result], waiting []audit.Sealed) error {
	first := &pgx.Batch{}
	first.Queue("BEGIN")
	accepts, at := publishes(ops)
	results, err := w.acceptAll(ctx, first, accepts)
	if err != nil {
		return err
	}
	for i, r := range results {
		out[at[i]] = store.Outcome[result]{Value: r, Err: r.err}
	}
	for i, op := range ops {
		if _, ok := op.(*accept); ok {
			continue
		}
		r, err := op.apply(ctx, w)
		if err != nil {
			return err
		}
		out[i] = store.Outcome[result]{Value: r, Err: r.err}
	}
	last := &pgx.Batch{}
	w.keepAccepted(last, accepts, results)
	w.entries = append(w.entries, waiting...)
	link := w.queueLink(last)
	for column := range w.changed {
		last.Queue("UPDATE version SET " + column + " = " + column + " + 1")
	}
	last.Queue("COMMIT")
	w.committing = true
	if err := w.finish(ctx, last); err != nil {
		return err
	}
	w.committing = false
	if link != nil {
		w.chain.Extend(*link)
		w.begun = true
	}
	return nil
}

// finish sends the last statements with COMMIT, and reads all answers.
func (w *writer) finish(ctx context.Context, b *pgx.Batch) error {
	_ = warned(w.conn) // what was heard before has nothing to do with this commit
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
	return err
}

// publishes picks the publishes out of a batch, and says where each stood.
func publishes(ops []operation) (accepts []*accept, at []int) {
	for i, op := range ops {
		if a, ok := op.(*accept); ok {
			accepts, at = append(accepts, a), append(at, i)
		}
	}
	return accepts, at
}

package sqlite

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/store"
	"nems/internal/store/ledger"
)

// operation is one change. The types that implement it are the closed set of
// what can be written; they are plain values, made before the committer.
//
// apply runs within a transaction. An error of its second result rolls the
// whole batch back. A refusal is not such an error: it goes into result.err,
// and apply must then have changed nothing.
type operation interface {
	apply(w *writer) (result, error)
}

// result is what an operation came to; each kind of operation uses its field.
type result struct {
	err      error // the operation was refused
	errs     []error
	receipt  store.Receipt
	receipts []store.Receipt // of the events of a change
	n        int
	lanes    []store.Lane
	answer   any // of a verb of the ledger
}

// weight is how many bytes an operation holds.
func weight(op operation) int {
	switch o := op.(type) {
	case accept:
		return len(o.Body.Data)
	case changeRecord:
		size := 0
		for _, e := range o.events {
			size += len(e.Body.Data)
		}
		return size
	case verb:
		if heavy, ok := o.Op.(ledger.Heavy); ok {
			return heavy.Weight()
		}
	}
	return 0
}

// writer owns the connection that writes. Only the committer's goroutine uses
// it, but for Open and Close.
type writer struct {
	db    *DB
	conn  *sqlite.Conn
	chain *audit.Chain
	// types and codes hold what the tables event_type and event_code hold.
	types map[eventType]int64
	codes map[string]int64
	// entries collects the audit entries of the batch.
	entries []audit.Sealed
	// spreadDue: a row was put into spread by the batch.
	spreadDue bool
	// tablesChanged: the batch changed a table that known remembers.
	tablesChanged bool
	// tables are as the batch has them so far; nil when they are to be read.
	tables  *tables
	scratch scratch
}

// load reads what the writer keeps in memory: at the start, and after a
// rollback, when memory may be ahead of the tables.
func (w *writer) load() error {
	w.types, w.codes, w.tables = map[eventType]int64{}, map[string]int64{}, nil
	err := rows(w.conn, "SELECT id, code, workflow FROM event_type", func(s *sqlite.Stmt) error {
		w.types[eventType{s.ColumnText(1), s.ColumnText(2)}] = s.ColumnInt64(0)
		return nil
	})
	if err != nil {
		return err
	}
	err = rows(w.conn, "SELECT id, code FROM event_code", func(s *sqlite.Stmt) error {
		w.codes[s.ColumnText(1)] = s.ColumnInt64(0)
		return nil
	})
	if err != nil || w.chain != nil {
		return err
	}
	return w.startChain()
}

// commit is the committer's store.Commit.
func (w *writer) commit(ops []operation, out []store.Outcome[result]) error {
	if err := exec(w.conn, "BEGIN IMMEDIATE"); err != nil {
		return unavailable(err)
	}
	waiting := w.db.records.Take()
	// What waits came first: a download before its acknowledgement.
	w.entries, w.spreadDue, w.tablesChanged = append(w.entries[:0], waiting...), false, false
	w.db.events.batch = 0
	link, err := w.perform(ops, out)
	if err != nil {
		w.db.records.PutBack(waiting)
		return errors.Join(unavailable(err), w.rollback())
	}
	crashpoint.Hit(crashpoint.BeforeCommit)
	err = exec(w.conn, "COMMIT")
	if w.tablesChanged {
		w.db.known.drop() // after a failure too: it may count nevertheless
	}
	if err != nil {
		w.db.records.PutBack(waiting)
		// The log may hold the commit although it was not confirmed: after a
		// crash right now it could count.
		return errors.Join(fmt.Errorf("%w: %w", store.ErrUnknown, err), w.rollback())
	}
	crashpoint.Hit(crashpoint.AfterCommit)
	w.db.events.committed.Add(w.db.events.batch)
	if link != nil {
		w.chain.Extend(*link)
	}
	if w.spreadDue {
		select {
		case w.db.spread <- struct{}{}:
		default: // the spreader knows already
		}
	}
	return nil
}

// perform applies the operations and chains their audit entries.
func (w *writer) perform(ops []operation, out []store.Outcome[result]) (*audit.Link, error) {
	for i, op := range ops {
		r, err := op.apply(w)
		if err != nil {
			return nil, err
		}
		out[i] = store.Outcome[result]{Value: r, Err: r.err}
	}
	if len(w.entries) == 0 {
		return nil, nil
	}
	return w.appendLink()
}

// rollback undoes the transaction, in memory too. SQLite may have rolled back
// itself, as it does when the disk is full.
func (w *writer) rollback() error {
	if !w.conn.AutocommitEnabled() {
		if err := exec(w.conn, "ROLLBACK"); err != nil {
			return err
		}
	}
	return w.load()
}

// unavailable marks errors of the machine, such as a full disk, as
// store.ErrBusy: nothing was stored, another attempt may succeed.
func unavailable(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultBusy, sqlite.ResultNoMem,
		sqlite.ResultReadOnly, sqlite.ResultCantOpen:
		return fmt.Errorf("%w: %w", store.ErrBusy, err)
	}
	return err
}

// eventType is a row of the table event_type.
type eventType struct{ code, workflow string }

// typeNumber returns the number of an event type, adding it when it is new.
func (w *writer) typeNumber(t eventType) (int64, error) {
	if n, ok := w.types[t]; ok {
		return n, nil
	}
	if err := exec(w.conn, "INSERT INTO event_type (code, workflow) VALUES (?, ?)", t.code, t.workflow); err != nil {
		return 0, err
	}
	w.types[t] = w.conn.LastInsertRowID()
	return w.types[t], nil
}

// changeTables notes that a table of mailboxes or workflows changes.
func (w *writer) changeTables() { w.tablesChanged, w.tables = true, nil }

// currentTables returns mailboxes and workflows as the transaction has them.
func (w *writer) currentTables() (*tables, error) {
	if w.tables != nil {
		return w.tables, nil
	}
	t, err := readTables(w.conn)
	if err == nil {
		w.tables = t
	}
	return t, err
}

// codeNumber returns the number of an event code, adding it when it is new.
func (w *writer) codeNumber(code string) (int64, error) {
	if n, ok := w.codes[code]; ok {
		return n, nil
	}
	if err := exec(w.conn, "INSERT INTO event_code (code) VALUES (?)", code); err != nil {
		return 0, err
	}
	w.codes[code] = w.conn.LastInsertRowID()
	return w.codes[code], nil
}

// Package portable describes what a service has stored in a form that no database
// engine owns: tables, columns and rows, with which each engine reads and writes what
// it keeps in its own way. It is how a service moves from one engine to another.
package portable

import (
	"context"
	"errors"
	"iter"
	"time"

	"nems/internal/audit"
)

// Kind is the type of a column. A value is nil or an int64, a string, a []byte or a
// bool.
type Kind byte

// The kinds.
const (
	Int Kind = iota
	Text
	Bytes
	Bool
)

// Column is a column of a Table.
type Column struct {
	Name string
	Kind Kind
	// Loose says that the engines need not agree on the value: it is not part of the
	// digest.
	Loose bool
}

// Table is one of the tables that move. Numbers of event types and event codes are
// hashes of their names, whatever numbers an engine has given them.
type Table struct {
	Name    string
	Columns []Column
}

// Row is the values of one row, in the order of the columns. It is valid until the
// next one is asked for.
type Row []any

// Rows yields the rows of a table. An error is the last thing that it yields.
type Rows = iter.Seq2[Row, error]

// ErrUnfinished says that a database is the target of a move that has not come to its
// end: it holds a part of a service at most.
var ErrUnfinished = errors.New("a move into this database was begun and not finished: run the same nems migrate --from … --to … again, which starts anew, or remove this database; until then no node may use it")

// ErrInUse says that a node, or another command, works on a database.
var ErrInUse = errors.New("stop it first: a service is moved while no node runs")

// Source is a database to move from: one state of it, which nobody changes until
// Close, because no node can start on it.
type Source interface {
	// Rows yields the rows of a table. Links of the audit come in the order of their
	// commits, so do changes of patients.
	Rows(ctx context.Context, table string) Rows
	// Count returns how many rows Rows will yield.
	Count(ctx context.Context, table string) (int64, error)
	// Bytes is roughly how much room the database takes.
	Bytes(ctx context.Context) (int64, error)
	// Ceiling is above every mark that a directory may have been left with; see
	// broker.Changes.
	Ceiling(ctx context.Context) (int64, error)
	Close() error
}

// Target is an empty database to move to. Until Finish it is marked, so that no node
// starts on it.
type Target interface {
	Source
	// Begin marks the database, and removes what an unfinished move from the same
	// source has left. ceiling is Source.Ceiling's.
	Begin(ctx context.Context, from string, ceiling int64) error
	// Load writes the rows of a table, and returns how many.
	Load(ctx context.Context, table string, rows Rows) (int64, error)
	// Settle writes what follows from the rows: indexes of this engine's own, counters
	// and sequences.
	Settle(ctx context.Context) error
	// Finish writes the entry as the first link of a chain that binds the ends of all
	// others, and removes the mark in the same transaction.
	Finish(ctx context.Context, e audit.Entry) error
	// Room is how many bytes may still be written; -1 where it cannot be known.
	Room(ctx context.Context) int64
}

// Options are what a Source and a Target agree on.
type Options struct {
	// At is when the move began: subscriptions that have ended by then no longer keep
	// equal ones out.
	At time.Time
}

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/store"
)

// pageSize suits bodies of 3 KB beside rows of 50 bytes; see the benchmarks.
const pageSize = 8192

// fileMode keeps patients' data from everybody else on the machine, in whatever
// folder the file lies. SQLite gives its side files the mode of the database.
const fileMode = 0o640

// open opens a connection and sets it up.
func open(path string, flags sqlite.OpenFlags, setup ...string) (*sqlite.Conn, error) {
	if flags&sqlite.OpenCreate != 0 {
		// What goes wrong here SQLite runs into again, and says. A file that is
		// there must not be opened: closing it would drop SQLite's locks.
		if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode); err == nil {
			_ = f.Close()
		}
	}
	conn, err := sqlite.OpenConn(path, flags|sqlite.OpenURI)
	if err != nil {
		return nil, err
	}
	if err := pragmas(conn, setup...); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// pragmas runs them one by one, outside a transaction.
func pragmas(conn *sqlite.Conn, all ...string) error {
	for _, p := range all {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+p, nil); err != nil {
			return fmt.Errorf("PRAGMA %s: %w", p, err)
		}
	}
	return nil
}

// openWriter opens the one connection that writes. It returns store.ErrSchema
// for another program's file, before the journal mode would change it. The page
// size and auto_vacuum take effect on a new file only.
func openWriter(path string, appID int32, synchronous string, cacheKiB int) (*sqlite.Conn, error) {
	conn, err := open(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	if _, err = recognise(conn, appID); err == nil {
		err = pragmas(conn, fmt.Sprintf("page_size=%d", pageSize), "auto_vacuum=INCREMENTAL", "journal_mode=WAL",
			"synchronous="+synchronous, "wal_autocheckpoint=16000", "temp_store=MEMORY",
			"journal_size_limit=268435456", fmt.Sprintf("cache_size=-%d", cacheKiB))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// pool lends connections that read. Each keeps its prepared statements and its
// cache: so the one that was used last is lent first, and one more is opened only
// when all that are open are lent.
type pool struct {
	open   func() (*sqlite.Conn, error)
	slots  chan struct{} // an element for each connection that is lent
	closed chan struct{}

	mu   sync.Mutex
	idle []*sqlite.Conn // the one used last at the end
}

// openPool makes a pool of up to n connections with cacheKiB KiB of cache each, and
// opens the first.
func openPool(path string, n, cacheKiB int) (*pool, error) {
	p := &pool{slots: make(chan struct{}, n), closed: make(chan struct{})}
	p.open = func() (*sqlite.Conn, error) {
		conn, err := open(path, sqlite.OpenReadOnly, "query_only=1", "temp_store=MEMORY", fmt.Sprintf("cache_size=-%d", cacheKiB))
		if err != nil {
			return nil, err
		}
		if err := conn.CreateFunction("count_copies", countCopies); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
	first, err := p.open()
	if err != nil {
		return nil, err
	}
	p.idle = append(p.idle, first)
	return p, nil
}

// one lends a connection for a single statement, which is a transaction itself.
// Errors of the machine are store.ErrBusy.
func (p *pool) one(ctx context.Context, f func(*sqlite.Conn) error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-p.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	conn, err := p.take()
	if err != nil {
		return unavailable(err)
	}
	defer p.putBack(conn)
	return unavailable(f(conn))
}

// take returns an open connection that is not lent.
func (p *pool) take() (*sqlite.Conn, error) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		return p.open()
	}
	defer p.mu.Unlock()
	conn := p.idle[last]
	p.idle = p.idle[:last]
	return conn, nil
}

func (p *pool) putBack(conn *sqlite.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, conn)
}

// read lends a connection for several statements in one read transaction, so
// that they see one state of the database. f must wait for nothing but the
// disk: a read transaction that stays open keeps the log from being emptied.
func (p *pool) read(ctx context.Context, f func(*sqlite.Conn) error) error {
	return p.one(ctx, func(conn *sqlite.Conn) (err error) {
		if err := exec(conn, "BEGIN"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, exec(conn, "ROLLBACK")) }()
		return f(conn)
	})
}

// close waits for the connections that are lent and closes all. Reads that
// come later get store.ErrClosed.
func (p *pool) close() error {
	close(p.closed)
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	var err error
	for _, conn := range p.idle {
		err = errors.Join(err, conn.Close())
	}
	return err
}

// exec runs a statement that yields no row. Statements stay prepared.
func exec(conn *sqlite.Conn, query string, args ...any) error {
	return rows(conn, query, nil, args...)
}

// errEnough ends rows early, without an error.
var errEnough = errors.New("enough rows")

// rows runs a statement and calls each for its rows.
func rows(conn *sqlite.Conn, query string, each func(*sqlite.Stmt) error, args ...any) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	bind(stmt, args)
	for {
		more, err := stmt.Step()
		if err != nil {
			return errors.Join(err, stmt.Reset())
		}
		if !more {
			return stmt.Reset()
		}
		if each != nil {
			if err := each(stmt); err == errEnough {
				return stmt.Reset()
			} else if err != nil {
				return errors.Join(err, stmt.Reset())
			}
		}
	}
}

// row runs a statement that yields at most one row, and says whether it did.
func row(conn *sqlite.Conn, query string, take func(*sqlite.Stmt), args ...any) (bool, error) {
	found := false
	err := rows(conn, query, func(s *sqlite.Stmt) error {
		if !found {
			take(s)
		}
		found = true
		return nil
	}, args...)
	return found, err
}

// number runs a statement that yields one number, 0 when it yields nothing.
func number(conn *sqlite.Conn, query string, args ...any) (int64, error) {
	var n int64
	_, err := row(conn, query, func(s *sqlite.Stmt) { n = s.ColumnInt64(0) }, args...)
	return n, err
}

// bind sets the parameters of a statement. nil, and an absent []byte, is NULL.
func bind(stmt *sqlite.Stmt, args []any) {
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
			stmt.BindNull(i + 1)
		case int64:
			stmt.BindInt64(i+1, v)
		case int:
			stmt.BindInt64(i+1, int64(v))
		case store.EventID:
			stmt.BindInt64(i+1, int64(v))
		case bool:
			stmt.BindBool(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		case []byte:
			if v == nil {
				stmt.BindNull(i + 1)
			} else {
				stmt.BindBytes(i+1, v)
			}
		default:
			// Shows in the first test that runs the statement: NOT NULL fails.
			stmt.BindNull(i + 1)
		}
	}
}

// blob copies a column's bytes; nil when it is NULL.
func blob(stmt *sqlite.Stmt, column int) []byte {
	if stmt.ColumnIsNull(column) {
		return nil
	}
	b := make([]byte, stmt.ColumnLen(column))
	stmt.ColumnBytes(column, b)
	return b
}

// instant is a column's value: microseconds, or NULL for the zero time.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// moment is the inverse of instant.
func moment(s *sqlite.Stmt, column int) time.Time {
	if s.ColumnIsNull(column) {
		return time.Time{}
	}
	return time.UnixMicro(s.ColumnInt64(column)).UTC()
}

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// nonces remembers the tokens that were used, in a file of its own: it is
// written with synchronous=OFF. What it holds survives the end of the process,
// also kill -9; a power cut may forget the last moments.
//
// There is a table for each hour, so that forgetting is dropping a table.
type nonces struct {
	conn      *sqlite.Conn
	committer *store.Committer[nonce, bool]
	window    time.Duration
	hours     []int64 // of the tables there are, ascending
}

// nonce is the digest of a token, used at a moment.
type nonce struct {
	digest [16]byte
	hour   int64
}

// hour is the length of a table.
const hour = time.Hour

func openNonces(path string, o Options) (*nonces, error) {
	conn, err := openWriter(path, "OFF", 2<<10)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	n := &nonces{conn: conn, window: o.NonceWindow}
	if err := n.load(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	n.committer = store.NewCommitter(store.Limits[nonce]{Queue: o.Queue, Batch: 512}, n.commit)
	return n, nil
}

// load finds the tables there are.
func (n *nonces) load() error {
	n.hours = nil
	err := rows(n.conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'hour%'", func(s *sqlite.Stmt) error {
		var h int64
		if _, err := fmt.Sscanf(s.ColumnText(0), "hour%d", &h); err != nil {
			return err
		}
		n.hours = append(n.hours, h)
		return nil
	})
	slices.Sort(n.hours)
	return err
}

// UseNonce records the digest of a token; it returns false when it was used
// before. at is the present moment: a digest is kept for Options.NonceWindow
// from it at least.
func (db *DB) UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error) {
	return db.nonces.committer.Submit(ctx, nonce{digest, at.Unix() / int64(hour/time.Second)})
}

func (n *nonces) commit(ops []nonce, out []store.Outcome[bool]) error {
	if err := exec(n.conn, "BEGIN IMMEDIATE"); err != nil {
		return unavailable(err)
	}
	err := n.useAll(ops, out)
	if err == nil {
		err = exec(n.conn, "COMMIT")
	}
	if err == nil {
		return nil
	}
	err = unavailable(err)
	if !n.conn.AutocommitEnabled() {
		err = errors.Join(err, exec(n.conn, "ROLLBACK"))
	}
	return errors.Join(err, n.load())
}

func (n *nonces) useAll(ops []nonce, out []store.Outcome[bool]) error {
	for i, op := range ops {
		if err := n.rotate(op.hour); err != nil {
			return err
		}
		fresh, err := n.use(op)
		if err != nil {
			return err
		}
		out[i].Value = fresh
	}
	return nil
}

// rotate makes the table of an hour and drops those that the window has left.
func (n *nonces) rotate(h int64) error {
	if slices.Contains(n.hours, h) {
		return nil
	}
	if err := exec(n.conn, fmt.Sprintf("CREATE TABLE hour%d (digest BLOB PRIMARY KEY) WITHOUT ROWID", h)); err != nil {
		return err
	}
	n.hours = append(n.hours, h)
	slices.Sort(n.hours)
	newest := n.hours[len(n.hours)-1]
	keep := int64((n.window+hour-1)/hour) + 1
	for len(n.hours) > 0 && n.hours[0] < newest-keep {
		if err := n.drop(n.hours[0]); err != nil {
			return err
		}
		n.hours = n.hours[1:]
	}
	return nil
}

// drop forgets a table and the statements that use it.
func (n *nonces) drop(h int64) error {
	for _, query := range []string{insertNonce(h), findNonce(h)} {
		stmt, err := n.conn.Prepare(query)
		if err != nil {
			return err
		}
		if err := stmt.Finalize(); err != nil {
			return err
		}
	}
	return exec(n.conn, fmt.Sprintf("DROP TABLE hour%d", h))
}

func insertNonce(h int64) string {
	return fmt.Sprintf("INSERT OR IGNORE INTO hour%d (digest) VALUES (?)", h)
}
func findNonce(h int64) string { return fmt.Sprintf("SELECT 1 FROM hour%d WHERE digest = ?", h) }

// use records a digest unless some table has it.
func (n *nonces) use(op nonce) (fresh bool, err error) {
	for _, h := range n.hours {
		if h == op.hour {
			continue
		}
		known, err := number(n.conn, findNonce(h), op.digest[:])
		if err != nil || known != 0 {
			return false, err
		}
	}
	err = exec(n.conn, insertNonce(op.hour), op.digest[:])
	return n.conn.Changes() == 1, err
}

func (n *nonces) close() error { return n.conn.Close() }

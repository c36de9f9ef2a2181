package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// witness is an operation that changes what PutWitness keeps.
type witness struct {
	name  string
	value []byte
}

func (o witness) apply(w *writer) (result, error) {
	return result{}, exec(w.conn, "INSERT OR REPLACE INTO witness (name, value) VALUES (?, ?)", o.name, notNull(o.value))
}

// PutWitness keeps what was seen of a file outside the database, replacing what
// was kept under the name.
func (db *DB) PutWitness(ctx context.Context, name string, value []byte) error {
	_, err := db.submit(ctx, witness{name, value})
	return err
}

// Witness returns what PutWitness kept under the name, nil where there is none.
func (db *DB) Witness(ctx context.Context, name string) (value []byte, err error) {
	err = db.readers.one(ctx, func(conn *sqlite.Conn) error {
		_, err := row(conn, "SELECT value FROM witness WHERE name = ?", func(s *sqlite.Stmt) { value = blob(s, 0) }, name)
		return err
	})
	return value, err
}

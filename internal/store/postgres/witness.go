package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// witness is an operation that changes what PutWitness keeps.
type witness struct {
	name  string
	value []byte
}

func (o witness) apply(ctx context.Context, w *writer) (result, error) {
	_, err := w.conn.Exec(ctx, "INSERT INTO witness (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2", o.name, notNull(o.value))
	return result{}, err
}

// PutWitness keeps what was seen of a file outside the database, replacing what
// was kept under the name.
func (db *DB) PutWitness(ctx context.Context, name string, value []byte) error {
	_, err := db.submit(ctx, witness{name, value})
	return err
}

// Witness returns what PutWitness kept under the name, nil where there is none.
func (db *DB) Witness(ctx context.Context, name string) (value []byte, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		err := q.QueryRow(ctx, "SELECT value FROM witness WHERE name = $1", name).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return value, err
}

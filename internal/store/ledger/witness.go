package ledger

import "context"

// witness keeps what was seen of a file.
type witness struct {
	name  string
	value []byte
}

func (o witness) Apply(tx Tx) (any, error) {
	_, err := tx.Exec("INSERT INTO witness (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", o.name, notNull(o.value))
	return nil, err
}

// PutWitness is database.Ends'.
func (l *Ledger) PutWitness(ctx context.Context, name string, value []byte) error {
	_, err := l.engine.Commit(ctx, witness{name, value})
	return err
}

// Witness is database.Ends'.
func (l *Ledger) Witness(ctx context.Context, name string) (value []byte, err error) {
	err = l.engine.Read(ctx, func(r Reader) error {
		_, err := first(r, []any{&value}, "SELECT value FROM witness WHERE name = $1", name)
		return err
	})
	return value, err
}

package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"nems/internal/store"
)

// shortfalls is the name of the witness that holds them all.
const shortfalls = "controller-catalogue-report"

// noting adds shortfalls to those that are kept.
type noting struct{ some []store.Shortfall }

// NoteShortfalls is database.Standing's.
func (l *Ledger) NoteShortfalls(ctx context.Context, some []store.Shortfall) error {
	_, err := l.engine.Commit(ctx, noting{some})
	return err
}

func (o noting) Apply(tx Tx) (any, error) {
	tx.Later("INSERT INTO witness (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", shortfalls, []byte("[]"))
	var value []byte
	if _, err := first(tx, []any{&value}, "SELECT value FROM witness WHERE name = $1"+tx.Lock("witness"), shortfalls); err != nil {
		return nil, err
	}
	kept, err := unpackShortfalls(value)
	if err != nil {
		return nil, err
	}
	all, fresh := store.AddShortfalls(kept, o.some)
	packed, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	for i := range fresh {
		tx.Record(fresh[i].Audit)
	}
	tx.Later("UPDATE witness SET value = $1 WHERE name = $2", packed, shortfalls)
	return nil, nil
}

func unpackShortfalls(value []byte) (out []store.Shortfall, err error) {
	if len(value) > 0 {
		err = json.Unmarshal(value, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("what the controller catalogue would have refused cannot be read: %w", err)
	}
	return out, nil
}

// Shortfalls is operator.Shortfalls'.
func (l *Ledger) Shortfalls(ctx context.Context) ([]store.Shortfall, error) {
	value, err := l.Witness(ctx, shortfalls)
	if err != nil {
		return nil, err
	}
	return unpackShortfalls(value)
}

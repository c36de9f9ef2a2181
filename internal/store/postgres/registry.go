package postgres

import "context"

// RegistryVersion grows with every change of a system or a life cycle. It is
// cheap: a node that asks every second learns of changes in time.
func (db *DB) RegistryVersion(ctx context.Context) (version int64, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT registry FROM version").Scan(&version)
	})
	return version, err
}

// SearchKey returns 32 secret bytes that all nodes share and keep: they seal
// what one node hands out and another may get back.
func (db *DB) SearchKey(ctx context.Context) (key []byte, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT search_key FROM version").Scan(&key)
	})
	return key, err
}

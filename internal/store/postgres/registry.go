package postgres

import "context"

// RegistryVersion is database.Peers'.
func (db *DB) RegistryVersion(ctx context.Context) (version int64, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT registry FROM version").Scan(&version)
	})
	return version, err
}

// SearchKey is database.Peers'.
func (db *DB) SearchKey(ctx context.Context) (key []byte, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT search_key FROM version").Scan(&key)
	})
	return key, err
}

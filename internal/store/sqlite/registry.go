package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// RegistryVersion is database.Peers'.
func (db *DB) RegistryVersion(ctx context.Context) (version int64, err error) {
	err = db.readers.one(ctx, func(conn *sqlite.Conn) (err error) {
		version, err = number(conn, "SELECT version FROM registry_version")
		return err
	})
	return version, err
}

// SearchKey is database.Peers'. It is nil: one process has the file, and
// shares its secrets with no other.
func (*DB) SearchKey(context.Context) ([]byte, error) { return nil, nil }

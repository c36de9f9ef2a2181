// Package embedded keeps an outbox of package publisher in a file of its own, for systems
// that have no database, or not one of SQLite or PostgreSQL.
package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver

	"nems/publisher"
)

// Outbox is an outbox in a file. Add to it with AddNow, or with Add in a transaction of its DB.
type Outbox struct{ *publisher.Outbox }

// Open opens the file, or makes it, and the tables in it. DB and Dialect of the
// configuration are set by it. One process opens a file; the file holds patients' data.
func Open(ctx context.Context, file string, c publisher.Config) (*Outbox, error) {
	db, err := OpenDB(file)
	if err != nil {
		return nil, err
	}
	c.DB, c.Dialect = db, publisher.SQLite
	o, err := publisher.New(c)
	if err == nil {
		err = o.Migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Outbox{o}, nil
}

// OpenDB opens a database of SQLite as an outbox needs it: with a write-ahead log that is on
// the disk when a transaction is committed, and transactions that wait for each other.
func OpenDB(file string) (*sql.DB, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	options := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return db, nil
}

// Close closes the file. End Run before.
func (o *Outbox) Close() error { return o.DB.Close() }

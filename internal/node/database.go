package node

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/console"
	"nems/internal/courier"
	"nems/internal/mailbox"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/sqlite"
)

// database is what the parts of a node need of a store, whichever it is.
type database interface {
	broker.Journal
	broker.Mailboxes
	mailbox.Boxes
	courier.Outbox
	operator.Store
	console.Source

	RegistryVersion(ctx context.Context) (int64, error)
	LifeCycles(ctx context.Context) ([]store.LifeCycle, error)
	PutWorkflow(ctx context.Context, w store.Workflow) error
	Backlogs(ctx context.Context, max int) ([]store.Backlog, error)
	Unrouted(ctx context.Context) (store.Unrouted, error)
	Record(e audit.Entry)
	Heads(ctx context.Context) ([]audit.Head, error)
	// Lead tells whether this node is to do a task that one node does at a
	// time; it then stays in charge for the lease.
	Lead(ctx context.Context, task, owner string, lease time.Duration) (bool, error)
	Stats() store.CommitterStats

	// Run does the store's own work until the context ends, then commits what
	// was accepted.
	Run(ctx context.Context) error
	Close() error
}

// openDatabase opens the store that the configuration names. A database of
// several nodes is migrated by the operator, but for the dev world.
func (n *node) openDatabase(ctx context.Context) (database, error) {
	options := store.Options{Now: n.Now, Retention: n.Retention, Sender: n.Mailbox, Log: n.Log}
	if isPostgres(n.Database) {
		return postgres.Open(ctx, n.Database, postgres.Options{Options: options, Migrate: n.Dev})
	}
	return sqlite.Open(databasePath(n.Data, n.Database), options)
}

// isPostgres tells whether a database is a PostgreSQL server's, by its URL.
func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Migrate brings the schema of a database up to date and returns its versions
// before and after. Embedded databases are migrated whenever they are opened.
func Migrate(ctx context.Context, data, database string) (from, to int64, err error) {
	if isPostgres(database) {
		return postgres.Migrate(ctx, database)
	}
	return sqlite.Migrate(databasePath(data, database))
}

// databasePath is the file of the embedded database.
func databasePath(data, database string) string {
	if path := strings.TrimPrefix(database, "sqlite:"); path != "" {
		return path
	}
	return filepath.Join(data, "nems.db")
}

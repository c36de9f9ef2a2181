package node

import (
	"context"
	"errors"
	"os"
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
	// SearchKey is the secret of 32 bytes that the nodes of a database share;
	// nil where there is one node.
	SearchKey(ctx context.Context) ([]byte, error)
	LifeCycles(ctx context.Context) ([]store.LifeCycle, error)
	PutWorkflow(ctx context.Context, w store.Workflow) error
	Backlogs(ctx context.Context, max int) ([]store.Backlog, error)
	Uncollected(ctx context.Context, max int) ([]store.Uncollected, error)
	ParkedHere(ctx context.Context, max int) ([]store.ParkedHere, error)
	Unrouted(ctx context.Context) (store.Unrouted, error)
	Record(e audit.Entry)
	RecordRoom(mailbox string) error
	Heads(ctx context.Context) ([]audit.Head, error)
	// PutWitness keeps what was seen of a file outside the database; Witness
	// returns it, nil where there is none.
	PutWitness(ctx context.Context, name string, value []byte) error
	Witness(ctx context.Context, name string) ([]byte, error)
	// LastCommit is when the newest link of the audit was committed, by the clock
	// of who did; zero before the first.
	LastCommit(ctx context.Context) (time.Time, error)
	// Lead tells whether this node is to do a task that one node does at a
	// time; it then stays in charge for the lease, or until it ends.
	Lead(ctx context.Context, task string, lease time.Duration) (bool, error)
	Stats() store.CommitterStats
	QuotaRefusals(q store.Quota) uint64
	RecountQuotas(ctx context.Context) ([]store.QuotaDrift, error)

	// Run does the store's own work until the context ends, then commits what
	// was accepted.
	Run(ctx context.Context) error
	Close() error
}

// openDatabase opens the store that the configuration names. A database of
// several nodes is migrated by the operator, but for the dev world.
func (n *node) openDatabase(ctx context.Context) (database, error) {
	options := store.Options{Now: n.Now, Settled: n.clock.Settled, Steady: n.Steady, Retention: n.Retention, Sender: n.Mailbox, Log: n.Log, Quotas: n.Quotas.limits()}
	if isPostgres(n.Database) {
		return opened(postgres.Open(ctx, n.Database, postgres.Options{Options: options, Migrate: n.Dev}))
	}
	path, err := databasePath(n.Data, n.Database)
	if err != nil {
		return nil, err
	}
	return opened(sqlite.Open(path, options))
}

// opened hands on what a store's Open returns: no database where there is an
// error, rather than an interface around a nil pointer.
func opened[DB database](db DB, err error) (database, error) {
	if err != nil {
		return nil, err
	}
	return db, nil
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
	path, err := databasePath(data, database)
	if err != nil {
		return 0, 0, err
	}
	return sqlite.Migrate(path)
}

// errDatabaseKind does not repeat what was given: it may hold a password.
var errDatabaseKind = errors.New("database: expected sqlite:PATH or postgres://USER@HOST/NAME; received another kind")

// databasePath is the file of the embedded database: what sqlite: names, the
// path of a file that is there, or nems.db in the data folder. It returns
// errDatabaseKind for anything else, so that a slip in another program's URL
// is not taken for the name of a file.
func databasePath(data, database string) (string, error) {
	if path := strings.TrimPrefix(database, "sqlite:"); path == "" {
		return filepath.Join(data, eventsFile), nil
	} else if path != database {
		return path, nil
	}
	if _, err := os.Stat(database); err != nil {
		return "", errDatabaseKind
	}
	return database, nil
}

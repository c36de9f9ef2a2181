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

// openDatabase opens the store that the configuration names.
func (n *node) openDatabase() (database, error) {
	return sqlite.Open(databasePath(n.Data, n.Database), sqlite.Options{
		Now: n.Now, Retention: n.Retention, Sender: n.Mailbox, Log: n.Log,
	})
}

// databasePath is the file of the embedded database.
func databasePath(data, database string) string {
	if path := strings.TrimPrefix(database, "sqlite:"); path != "" {
		return path
	}
	return filepath.Join(data, "nems.db")
}

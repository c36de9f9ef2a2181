package simulator

import (
	"context"
	"iter"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/courier"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/subscription"
)

// database is where a node keeps everything: the SQLite store, or a model of a
// store that two nodes share. Both are used only through this interface.
type database interface {
	broker.Journal
	broker.Mailboxes
	courier.Outbox
	List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error)
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error
	Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error)
	RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
	ResendDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
	Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error]
	Heads(ctx context.Context) ([]audit.Head, error)
	Housekeep(ctx context.Context) error
	Stats() store.CommitterStats
	// Run works until ctx ends. Close is called after it.
	Run(ctx context.Context) error
	Close() error
}

var (
	_ database = (*sqlite.DB)(nil)
	_ database = (*replica)(nil)
	_ database = front{}
)

// open opens the database of a node, with the planted fault if there is one.
func (sim *simulation) open(n *simNode) (db database, err error) {
	if sim.SQLite {
		db, err = sim.drive.open(n)
	} else {
		db = newReplica(sim.disk, n)
	}
	if err == nil && sim.Bug != NoBug {
		db = &flawed{database: db, node: n, keys: map[string]store.Receipt{}, gone: map[subscription.ID]bool{}, resent: map[string]bool{}}
	}
	return db, err
}

package node

import (
	"context"

	"nems/internal/broker"
	"nems/internal/store"
)

// records keeps patients' records, unless a PDS elsewhere does.
func (n *node) records() broker.RecordKeeper {
	if n.PDS.URL != "" {
		return nil
	}
	return countedRecords{n.db, n.metrics}
}

// countedJournal counts the events that are accepted, and their copies.
type countedJournal struct {
	broker.Journal
	metrics *metrics
}

// AcceptEvent implements broker.Journal.
func (c countedJournal) AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	r, err := c.Journal.AcceptEvent(ctx, a)
	if err == nil {
		c.metrics.accepted(ctx, r)
	}
	return r, err
}

// RouteEvent implements broker.Backlog. The event was counted when it was accepted.
func (c countedJournal) RouteEvent(ctx context.Context, a store.Routing) (store.Receipt, error) {
	r, err := c.Journal.RouteEvent(ctx, a)
	if err == nil {
		c.metrics.copies[copyMade].Add(float64(r.Copies))
	}
	return r, err
}

// countedRecords counts the events that changes of records make, and their copies.
type countedRecords struct {
	broker.RecordKeeper
	metrics *metrics
}

// ChangeRecord implements broker.RecordKeeper.
func (c countedRecords) ChangeRecord(ctx context.Context, change *store.RecordChange) ([]store.Receipt, error) {
	all, err := c.RecordKeeper.ChangeRecord(ctx, change)
	if err == nil {
		for _, r := range all {
			c.metrics.accepted(ctx, r)
		}
	}
	return all, err
}

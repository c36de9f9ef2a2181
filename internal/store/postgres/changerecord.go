package postgres

import (
	"context"

	"golang.org/x/sync/errgroup"

	"nems/internal/store"
	"nems/internal/store/ledger"
)

// changeRecord writes a patient's record. The events of the change are among the
// publishes of its batch, and stored only if the record is.
type changeRecord struct {
	record *ledger.PutRecord
	events []*accept
}

// ChangeRecord is broker.RecordKeeper's.
func (db *DB) ChangeRecord(ctx context.Context, c *store.RecordChange) ([]store.Receipt, error) {
	record, err := ledger.NewPutRecord(c)
	if err != nil {
		return nil, err
	}
	op := changeRecord{record: record}
	matching, within := errgroup.WithContext(ctx)
	for _, e := range c.Events {
		a := newAccept(e)
		op.events = append(op.events, a)
		matching.Go(func() error { return db.matchFirst(within, a) })
	}
	if err := matching.Wait(); err != nil {
		return nil, err
	}
	r, err := db.submit(ctx, op)
	return r.receipts, err
}

// apply decides whether the events of the change are stored.
func (o changeRecord) apply(ctx context.Context, w *writer) (result, error) {
	r, err := verb{o.record}.apply(ctx, w)
	for _, a := range o.events {
		a.dropped = r.err != nil
		if r.err == nil {
			r.receipts = append(r.receipts, store.Receipt{Event: a.Event, Copies: len(a.copies)})
		}
	}
	return r, err
}

package sqlite

import (
	"context"
	"errors"

	"nems/internal/store"
	"nems/internal/store/ledger"
	"nems/internal/subscription"
)

// changeRecord writes a patient's record together with the events of the change.
type changeRecord struct {
	record *ledger.PutRecord
	events []accept
}

// ChangeRecord is broker.RecordKeeper's.
func (db *DB) ChangeRecord(ctx context.Context, c *store.RecordChange) ([]store.Receipt, error) {
	record, err := ledger.NewPutRecord(c)
	if err != nil {
		return nil, err
	}
	op := changeRecord{record: record}
	for _, e := range c.Events {
		op.events = append(op.events, newAccept(e))
	}
	r, err := db.submit(ctx, op)
	if errors.Is(err, store.ErrCrowded) {
		if err := op.matchOutside(ctx, db); err != nil {
			return nil, err
		}
		r, err = db.submit(ctx, op)
	}
	return r.receipts, err
}

func (o changeRecord) matchOutside(ctx context.Context, db *DB) (err error) {
	for i := range o.events {
		e := &o.events[i]
		if e.copies, err = db.matchOutside(ctx, e.lookup()); err != nil {
			return err
		}
		e.matched = true
	}
	return nil
}

// apply matches all events before it writes anything: one that is crowded, or a
// record that is not the expected one, refuses the change as a whole.
func (o changeRecord) apply(w *writer) (result, error) {
	copies := make([][]subscription.Copy, len(o.events))
	for i, e := range o.events {
		found, err := e.match(w)
		if errors.Is(err, store.ErrCrowded) {
			return result{err: err}, nil
		}
		if err != nil {
			return result{}, err
		}
		copies[i] = found
	}
	r, err := verb{o.record}.apply(w)
	if err != nil || r.err != nil {
		return r, err
	}
	for i, e := range o.events {
		if err := e.write(w, copies[i]); err != nil {
			return result{}, err
		}
		r.receipts = append(r.receipts, store.Receipt{Event: e.Event, Copies: len(copies[i])})
	}
	return r, nil
}

package publisher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Run sends what is due until the context ends, and then what is on its way. It returns
// nil when it was told to end. It goes on after errors of the database, which it logs.
func (o *Outbox) Run(ctx context.Context) error {
	purged := time.Time{}
	for ctx.Err() == nil {
		if _, err := o.Send(ctx); err != nil && ctx.Err() == nil {
			o.Log.Error("the outbox", "error", err)
		}
		if now := o.Now(); o.Retention > 0 && now.Sub(purged) >= time.Hour {
			if _, err := o.Purge(ctx); err != nil && ctx.Err() == nil {
				o.Log.Error("the outbox", "error", err)
			}
			purged = now
		}
		poll := time.NewTimer(o.Poll)
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-poll.C:
		}
		poll.Stop()
	}
	return nil
}

// Send sends all that is due now, and what becomes due by that, and returns how many
// attempts it made. Messages that are to be tried again later are left.
func (o *Outbox) Send(ctx context.Context) (attempts int, err error) {
	var (
		made    atomic.Int64
		group   sync.WaitGroup
		mu      sync.Mutex
		failure error
	)
	for range o.Senders {
		group.Go(func() {
			for ctx.Err() == nil {
				more, err := o.one(ctx)
				if err != nil {
					mu.Lock()
					failure = errors.Join(failure, err)
					mu.Unlock()
				}
				if !more {
					return
				}
				made.Add(1)
			}
		})
	}
	group.Wait()
	return int(made.Load()), failure
}

// one takes a message and sends it, even if the context ends meanwhile: a message that is on
// its way is settled. It reports false when none was due.
func (o *Outbox) one(ctx context.Context) (bool, error) {
	c, err := o.next(ctx)
	if c == nil || err != nil {
		return false, err
	}
	return true, o.deliver(context.WithoutCancel(ctx), c)
}

// Purge removes the record of messages that were sent, discarded or held longer than
// Config.Retention ago, and returns how many. Without a retention it removes nothing.
func (o *Outbox) Purge(ctx context.Context) (int, error) {
	if o.Retention <= 0 {
		return 0, nil
	}
	tx, err := o.DB.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("publisher: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	const old = `state IN ('sent', 'discarded', 'held') AND settled > 0 AND settled < $1`
	before := o.Now().Add(-o.Retention).UnixMilli()
	if _, err = tx.ExecContext(ctx, `DELETE FROM nems_outbox_attempt WHERE id IN (SELECT id FROM nems_outbox WHERE `+old+`)`, before); err != nil {
		return 0, fmt.Errorf("publisher: removing old records: %w", err)
	}
	done, err := tx.ExecContext(ctx, `DELETE FROM nems_outbox WHERE `+old, before)
	if err != nil {
		return 0, fmt.Errorf("publisher: removing old records: %w", err)
	}
	n, err := done.RowsAffected()
	if err == nil {
		err = tx.Commit()
	}
	return int(n), err
}

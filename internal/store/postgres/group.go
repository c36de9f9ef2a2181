package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/store/ledger"
)

const (
	// groupsAtOnce is how many groups of changes are committed at once: while one
	// waits for the disk, another one is applied. The pool's other connections stay free.
	groupsAtOnce = 4
	// mostGrouped is how many changes have a transaction in common.
	mostGrouped = 16
)

// group lets changes that come at the same time share a transaction, apart from the
// committer, which what is accepted waits for. Its zero value is ready for use.
type group struct {
	mu      sync.Mutex
	waiting []*grouped
	leaders int
}

// grouped is a change that waits, and what becomes of it.
type grouped struct {
	op     ledger.Op
	key    int64 // changes of a transaction are made in the order of their keys, so that none waits for another in a circle
	answer any
	err    error
	done   chan struct{}
}

// Together is ledger.Engine's.
func (e engine) Together(ctx context.Context, key int64, op ledger.Op) (any, error) {
	one := &grouped{op: op, key: key, done: make(chan struct{})}
	g := &e.together
	g.mu.Lock()
	g.waiting = append(g.waiting, one)
	if g.leaders < groupsAtOnce {
		g.leaders++
		go e.lead(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case <-one.done:
		return one.answer, one.err
	case <-ctx.Done():
		return nil, errors.Join(store.ErrUnknown, ctx.Err())
	}
}

// lead commits groups until nothing waits.
func (e engine) lead(ctx context.Context) {
	g := &e.together
	for {
		g.mu.Lock()
		some := g.waiting[:min(len(g.waiting), mostGrouped)]
		g.waiting = slices.Clone(g.waiting[len(some):])
		if len(some) == 0 {
			g.leaders--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		e.changeGroup(ctx, some)
		for _, one := range some {
			close(one.done)
		}
	}
}

// changeGroup makes changes in one transaction. Where one of them makes it fail, each
// has one of its own.
func (e engine) changeGroup(ctx context.Context, some []*grouped) {
	slices.SortStableFunc(some, func(a, b *grouped) int { return cmp.Compare(a.key, b.key) })
	t := &tx{db: e.DB}
	err := e.change(ctx, func(ctx context.Context, q pgx.Tx) error {
		t.reader, t.entries = reader{ctx, q}, nil
		for _, one := range some {
			var refused ledger.Refused
			one.answer, one.err = t.apply(one.op)
			if one.err != nil && !errors.As(one.err, &refused) {
				return one.err
			}
			if one.err != nil {
				one.answer, one.err = nil, refused.Reason
			}
		}
		return nil
	})
	switch {
	case err == nil:
		for _, entry := range t.entries {
			e.Record(entry)
		}
	case len(some) == 1 || errors.Is(err, store.ErrBusy) || errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrClosed):
		for _, one := range some { // the machine failed, not one of the changes
			one.answer, one.err = nil, err
		}
	default:
		for _, one := range some {
			one.answer, one.err = e.Change(ctx, one.op)
		}
	}
}

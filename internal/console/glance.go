package console

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"nems/internal/store"
)

const (
	// fresh is how long an overview is used for all viewers.
	fresh = time.Second
	// mostViewers is how many may wait for one at a time.
	mostViewers = 64
)

// errCrowded says that too many people are waiting for the page.
var errCrowded = errors.New("too many are waiting for this page")

// glance is something that all viewers share. One viewer at a time has it made, at
// most once in its time, however many viewers there are and however slow the store is.
type glance[T any] struct {
	ask    func(context.Context) (T, error)
	fresh  time.Duration
	now    func() time.Time
	making singleflight.Group
	queue  chan struct{}

	mu   sync.Mutex
	at   time.Time
	seen T
	err  error
}

func newGlance[T any](fresh time.Duration, now func() time.Time, ask func(context.Context) (T, error)) *glance[T] {
	return &glance[T]{ask: ask, fresh: fresh, now: now, queue: make(chan struct{}, mostViewers)}
}

// look returns what is fresh. It returns errCrowded at once when too many are waiting,
// and the error of ctx for a viewer that has gone.
func (g *glance[T]) look(ctx context.Context) (none T, err error) {
	if o, err, ok := g.last(); ok {
		return o, err
	}
	select {
	case g.queue <- struct{}{}:
		defer func() { <-g.queue }()
	default:
		return none, errCrowded
	}
	made := g.making.DoChan("", func() (any, error) {
		g.make(ctx)
		return nil, nil
	})
	select {
	case <-made:
		o, err, _ := g.last()
		return o, err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// last returns what was made last, and whether it is fresh.
func (g *glance[T]) last() (T, error, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	age := g.now().Sub(g.at)
	return g.seen, g.err, !g.at.IsZero() && age >= 0 && age < g.fresh
}

// make asks the desk on behalf of all viewers, because the one who asked first
// may leave. A failure is shared as well, so that viewers do not add load to a
// store that has failed.
func (g *glance[T]) make(ctx context.Context) {
	if _, _, ok := g.last(); ok {
		return // made since the viewer asked
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.ViewWait)
	defer cancel()
	seen, err := g.ask(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.seen, g.err = g.now(), seen, err
}

package console

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"nems/internal/operator"
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

// glance is the overview that all viewers share. One viewer at a time has it
// made, at most once per second, however many viewers there are and however
// slow the store is.
type glance struct {
	desk   operator.Face
	now    func() time.Time
	making singleflight.Group
	queue  chan struct{}

	mu       sync.Mutex
	at       time.Time
	overview operator.Overview
	err      error
}

func newGlance(desk operator.Face, now func() time.Time) *glance {
	return &glance{desk: desk, now: now, queue: make(chan struct{}, mostViewers)}
}

// look returns the overview of this second. It returns errCrowded at once when
// too many are waiting, and the error of ctx for a viewer that has gone.
func (g *glance) look(ctx context.Context) (operator.Overview, error) {
	if o, err, ok := g.last(); ok {
		return o, err
	}
	select {
	case g.queue <- struct{}{}:
		defer func() { <-g.queue }()
	default:
		return operator.Overview{}, errCrowded
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
		return operator.Overview{}, ctx.Err()
	}
}

// last returns the last overview, and whether it was made within this second.
func (g *glance) last() (operator.Overview, error, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	age := g.now().Sub(g.at)
	return g.overview, g.err, !g.at.IsZero() && age >= 0 && age < fresh
}

// make asks the desk on behalf of all viewers, because the one who asked first
// may leave. A failure is shared as well, so that viewers do not add load to a
// store that has failed.
func (g *glance) make(ctx context.Context) {
	if _, _, ok := g.last(); ok {
		return // made since the viewer asked
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.ViewWait)
	defer cancel()
	overview, err := operator.ShowOverview.Do(ctx, g.desk, operator.Glance{Latest: latest})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.overview, g.err = g.now(), overview, err
}

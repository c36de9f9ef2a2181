package webhook

import (
	"context"
	"errors"
	"sync"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// Pulse calls the endpoints of R4 subscriptions when no copy does: for the handshake,
// and with heartbeats. Several nodes may do so at once: each call is taken by writing
// down when the next one is due, which only one of them can.
type Pulse struct {
	*Sender
	wake chan struct{}
	next time.Time // when the first of the endpoints is due that were not at the last look
}

// NewPulse returns the Pulse of a Sender that has RestHooks. It starts nothing.
func NewPulse(s *Sender) *Pulse { return &Pulse{Sender: s, wake: make(chan struct{}, 1)} }

const (
	// pulse is how often is looked for endpoints that are due where one may be, and
	// rounds how many of these pass, at most, without a look: others may have made one.
	pulse  = 2 * time.Second
	rounds = 10
	// calling is how many are called at once.
	calling = 32
	// pulsePage is how many endpoints are read at once.
	pulsePage = 500
	// taken is how long another node leaves an endpoint alone that one has begun to call.
	taken = 2 * time.Minute
	// mostMissed is how many heartbeats may fail in a row.
	mostMissed = 3
)

// Wake has it looked at once. It does not block.
func (p *Pulse) Wake() {
	select {
	case p.wake <- struct{}{}:
	default: // it is about to look
	}
}

// Run looks for due endpoints until ctx ends, and returns when the last call has ended.
func (p *Pulse) Run(ctx context.Context) {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for passed := rounds; ; {
		if passed++; passed > rounds || !p.Now().Before(p.next) {
			passed = 0
			if err := p.round(ctx); err != nil && ctx.Err() == nil {
				p.Log.Warn("calling endpoints", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.wake:
			passed = rounds
		}
	}
}

// round calls all that are due.
func (p *Pulse) round(ctx context.Context) error {
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, calling)
	p.next = p.Now().Add(time.Hour)
	for last := int64(0); ; {
		page, err := p.RestHooks.EndpointsAfter(ctx, last, pulsePage)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1].Mailbox.Row
		for _, row := range page {
			if row.Channel != store.RestHookChannel {
				continue
			}
			e, err := Read(row)
			if err != nil || !e.beats() {
				continue
			}
			if e.RestHook.Beat.After(p.Now()) {
				if e.RestHook.Beat.Before(p.next) {
					p.next = e.RestHook.Beat
				}
				continue
			}
			p.next = time.Time{} // what comes of it is seen at the next look
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			busy.Go(func() {
				defer func() { <-slots }()
				p.call(ctx, row, e)
			})
		}
	}
}

// beats reports whether an endpoint is to be called at some moment.
func (e Endpoint) beats() bool {
	h := e.RestHook
	return h != nil && !e.Off && (e.Consented.IsZero() || h.Heartbeat > 0)
}

// call does what is due for an endpoint.
func (p *Pulse) call(ctx context.Context, row store.Endpoint, e Endpoint) {
	if err := p.beat(ctx, row, e); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrChanged) {
		p.Log.Warn("calling an endpoint", "mailbox", row.Mailbox.ID, "error", err)
	}
}

// beat calls an endpoint if its subscription still is one, and nothing was sent to it
// in the meantime.
func (p *Pulse) beat(ctx context.Context, row store.Endpoint, e Endpoint) error {
	now := p.Now().UTC()
	s, err := p.subscription(ctx, *e.RestHook)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && s.Status == subscription.Off:
		e.Off, e.Why, e.Since = true, "its subscription is over", now
		return p.keep(ctx, &row, &e, now)
	case err != nil:
		return err
	case s.Status == subscription.Requested: // an operator is to approve it
		return p.keep(ctx, &row, &e, now.Add(taken))
	}
	period := time.Duration(e.RestHook.Heartbeat) * time.Second
	counting, err := p.RestHooks.Counting(ctx, s.ID)
	if err != nil {
		return err
	}
	if next := counting.Changed.Add(period); !e.Consented.IsZero() && next.After(now) {
		return p.keep(ctx, &row, &e, next)
	}
	if err := p.keep(ctx, &row, &e, now.Add(max(taken, period))); err != nil {
		return err
	}
	if e.Consented.IsZero() {
		p.handshake(ctx, row, &e)
		return nil
	}
	return p.beaten(ctx, row, e, p.heartbeat(ctx, e), now.Add(period))
}

// beaten writes down how a heartbeat ended, and when the next one is due.
func (p *Pulse) beaten(ctx context.Context, row store.Endpoint, e Endpoint, failed *failure, next time.Time) error {
	if failed != nil && ctx.Err() != nil { // we end
		return ctx.Err()
	}
	hook := *e.RestHook
	e.RestHook = &hook
	hook.Missed++
	if failed == nil {
		hook.Missed = 0
	} else if hook.Missed >= mostMissed {
		failed.why = "heartbeat: " + failed.why
		p.fail(ctx, row.Mailbox.Row, row.Mailbox.ID, failed)
		return nil
	}
	return p.keep(ctx, &row, &e, next)
}

// keep stores an endpoint with the moment at which it is due next.
func (p *Pulse) keep(ctx context.Context, row *store.Endpoint, e *Endpoint, due time.Time) error {
	hook := *e.RestHook
	hook.Beat = due
	e.RestHook = &hook
	row.Value = e.Pack()
	err := p.Endpoints.NoteEndpoint(ctx, *row)
	row.Version++
	return err
}

func (p *Pulse) subscription(ctx context.Context, h RestHook) (subscription.Subscription, error) {
	id, err := subscription.ParseID(h.Subscription)
	if err != nil {
		return subscription.Subscription{}, store.ErrNotFound
	}
	return p.RestHooks.Subscription(ctx, id)
}

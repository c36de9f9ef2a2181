package webhook

import (
	"context"
	"errors"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// Pulse calls the endpoints of R4 subscriptions when no copy does: for the handshake,
// and with heartbeats. Several nodes may do so at once: each call is taken by writing
// down when the next one is due, which only one of them can.
type Pulse struct {
	*Sender
	made  chan int64 // rows of endpoints that wait for their handshake
	next  time.Time  // when the first of the endpoints is due that were not at the last look
	calls *calls
}

// NewPulse returns the Pulse of a Sender that has RestHooks. It starts nothing.
func NewPulse(s *Sender) *Pulse {
	return &Pulse{Sender: s, made: make(chan int64, calling), calls: newCalls()}
}

const (
	// pulse is how often is looked for endpoints that are due where one may be, and
	// rounds how many of these pass, at most, without a look: others may have made one.
	pulse  = 2 * time.Second
	rounds = 10
	// pulsePage is how many endpoints are read at once.
	pulsePage = 500
	// taken is how long another node leaves an endpoint alone that one has begun to call.
	taken = 2 * time.Minute
	// mostMissed is how many heartbeats may fail in a row.
	mostMissed = 3
)

// Made has an endpoint called at once. It does not block: if too many wait, this one
// is found at the next look.
func (p *Pulse) Made(row int64) {
	select {
	case p.made <- row:
	default:
	}
}

// Run looks for due endpoints until ctx ends, and returns when the last call has ended.
func (p *Pulse) Run(ctx context.Context) {
	defer p.calls.busy.Wait()
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for passed := rounds; ; {
		var err error
		select {
		case <-ctx.Done():
			return
		case row := <-p.made:
			err = p.one(ctx, row)
		case <-tick.C:
			if passed++; passed > rounds || !p.Now().Before(p.next) {
				passed, err = 0, p.round(ctx)
			}
		}
		if err != nil && ctx.Err() == nil {
			p.Log.Warn("calling endpoints", "error", err)
		}
	}
}

// round begins to call all that are due, and waits for none of them.
func (p *Pulse) round(ctx context.Context) error {
	p.next = p.Now().Add(time.Hour)
	for last := int64(0); ; {
		page, err := p.RestHooks.EndpointsAfter(ctx, last, pulsePage)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1].Mailbox.Row
		for _, row := range page {
			p.start(ctx, row, false)
		}
	}
}

// one begins to call one endpoint, for its handshake at once.
func (p *Pulse) one(ctx context.Context, row int64) error {
	e, err := p.Endpoints.Endpoint(ctx, row)
	if err == nil {
		p.start(ctx, e, true)
	}
	return err
}

// start has an endpoint called if it is due, or has just been made, and notes when it
// is if that is later.
func (p *Pulse) start(ctx context.Context, row store.Endpoint, made bool) {
	if row.Channel != store.RestHookChannel {
		return
	}
	e, err := Read(row)
	if err != nil || !e.beats() {
		return
	}
	if beat := e.RestHook.Beat; beat.After(p.Now()) && !(made && e.Consented.IsZero()) {
		if beat.Before(p.next) {
			p.next = beat
		}
		return
	}
	p.next = time.Time{} // what comes of it is seen at the next look
	p.calls.add(row.Mailbox, e.Consented.IsZero(), func() {
		if ctx.Err() == nil {
			p.call(ctx, row, e)
		}
	})
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
	case errors.Is(err, store.ErrNotFound) || err == nil && !s.Live():
		e.Off, e.Why, e.Since = true, over, now
		return p.keep(ctx, &row, &e, now)
	case err != nil:
		return err
	case s.Status != subscription.Active: // an operator is to approve it, or it is suspended
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
	_, failed := p.heartbeat(ctx, e)
	return p.beaten(ctx, row, e, failed, now.Add(period))
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

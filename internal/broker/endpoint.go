package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// endpointOf finds the endpoint of a subscription; store.ErrNotFound where it has a
// mailbox.
func (b *Broker) endpointOf(ctx context.Context, s subscription.Subscription) (store.Endpoint, error) {
	box, err := b.Mailboxes.Mailbox(ctx, s.Mailbox)
	if err != nil {
		return store.Endpoint{}, err
	}
	e, err := b.Numbers.Endpoint(ctx, box.Row)
	e.Mailbox = box
	return e, err
}

// Stopped says whether nothing is sent to the endpoint of a subscription, which the caller
// has read, and why: an operator has switched it off, or it has answered that it is gone.
// The zero value is for what is sent to, and for mailboxes.
func (b *Broker) Stopped(ctx context.Context, s subscription.Subscription) (store.Stopped, error) {
	e, err := b.endpointOf(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return store.Stopped{}, nil
	}
	if err != nil {
		return store.Stopped{}, err
	}
	out := store.StoppedBy(e.Value)
	if out.Off || out.Via == 0 {
		return out, nil
	}
	// What operators have registered has the address.
	through, err := b.Numbers.Endpoint(ctx, out.Via)
	if errors.Is(err, store.ErrNotFound) {
		return store.Stopped{Off: true, Why: "the endpoint is not registered any more"}, nil
	}
	return store.StoppedBy(through.Value), err
}

// testPause is how long an endpoint is left alone by subscribers' tests after one.
const testPause = time.Minute

// mostTested is how many endpoints are remembered for that.
const mostTested = 10_000

// tests remembers when endpoints were last tested. Each node has its own: an endpoint
// takes as many tests as there are nodes.
type tests struct {
	mu   sync.Mutex
	last map[int64]time.Time
}

// begin notes a test of an endpoint, or returns how long it has to wait.
func (t *tests) begin(row int64, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil || len(t.last) >= mostTested {
		kept := map[int64]time.Time{}
		for r, at := range t.last {
			if now.Sub(at).Abs() < testPause {
				kept[r] = at
			}
		}
		t.last = kept
	}
	last, there := t.last[row]
	if since := now.Sub(last); there && since >= 0 && since < testPause {
		return testPause - since
	}
	if len(t.last) >= mostTested {
		return testPause
	}
	t.last[row] = now
	return 0
}

// TestEndpoint sends a test event to the endpoint of a subscription of the caller's
// organisation, once, and says what came of it. What an operator has switched off is left
// alone.
func (b *Broker) TestEndpoint(ctx context.Context, caller access.Caller, id string) (a store.Attempt, err error) {
	s, err := b.Read(ctx, caller, id)
	if err != nil {
		return a, err
	}
	e, err := b.endpointOf(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return a, refuse.InvalidRequestMessage("$test: expected a subscription whose events are sent to a webhook or a queue; received one of a mailbox: send a message to it instead")
	}
	if err != nil {
		return a, err
	}
	test := b.Tests(e.Channel)
	if test == nil {
		return a, refuse.InvalidRequestMessage("$test: expected a subscription whose events are sent to a webhook or a queue; received one of the channel " + string(e.Channel))
	}
	stopped, err := b.Stopped(ctx, s)
	if err != nil {
		return a, err
	}
	if stopped.Off && stopped.Why == store.SwitchedOff {
		return a, refuse.InvalidRequestMessage("$test: expected an endpoint that no operator of this service has switched off; received one that an operator has: ask them")
	}
	if wait := b.tested.begin(e.Mailbox.Row, b.Now()); wait > 0 {
		return a, refuse.TooManyRequests(wait)
	}
	if a, err = test(ctx, e); err != nil {
		return a, err
	}
	entry := Entry(caller, audit.ActionTestEndpoint)
	entry.At, entry.Object, entry.Mailbox, entry.Status, entry.Reason = b.Now(), e.Mailbox.ID, e.Mailbox.ID, a.Status, "subscription "+s.ID.String()
	b.Record(entry)
	return a, nil
}

package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/anishathalye/porcupine"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// forgetful keeps subscriptions in memory. A stale one matches against them as
// they were at the last creation: what was deleted since then gets copies.
type forgetful struct {
	Store // nothing but what is below
	stale bool

	mu       sync.Mutex
	last     store.EventID
	rows     int64
	alive    map[subscription.ID]subscription.Subscription
	known    []subscription.Subscription
	received map[string][]store.Delivery
}

func (f *forgetful) PutMailbox(context.Context, store.Mailbox) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows++
	return f.rows, nil
}

func (f *forgetful) NextPosition() store.EventID {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	return f.last
}

func (f *forgetful) Subscribe(_ context.Context, s subscription.Subscription, _ audit.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.alive[s.ID] = s
	f.look()
	return nil
}

func (f *forgetful) look() {
	f.known = nil
	for _, s := range f.alive {
		f.known = append(f.known, s)
	}
}

func (f *forgetful) Delete(_ context.Context, id subscription.ID, _ audit.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.alive[id]; !ok {
		return store.ErrNotFound
	}
	delete(f.alive, id)
	return nil
}

// EndSubscription leaves nothing but the id.
func (f *forgetful) EndSubscription(_ context.Context, e store.Ending, _ audit.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.alive[e.ID]
	if !ok || s.Status != e.From && !s.Suspended {
		return store.ErrNotFound
	}
	f.alive[e.ID] = subscription.Subscription{ID: e.ID, Status: subscription.Off}
	return nil
}

func (f *forgetful) SuspendAll(_ context.Context, all []store.Suspension) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, why := f.alive[all[0].ID], all[0].Why
	switch {
	case why != "" && s.Status == subscription.Active:
		s.Status, s.Suspended = subscription.Off, true
	case why == "" && s.Suspended:
		s.Status, s.Suspended = subscription.Active, false
	default:
		return 0, nil
	}
	f.alive[s.ID] = s
	return 1, nil
}

func (f *forgetful) Subscription(_ context.Context, id subscription.ID) (subscription.Subscription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.alive[id]
	if !ok {
		return s, store.ErrNotFound
	}
	return s, nil
}

func (f *forgetful) AcceptEvent(_ context.Context, a store.Acceptance) (store.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stale {
		f.look()
	}
	for _, s := range f.known {
		if s.Status == subscription.Active && slices.Contains(a.Facts.Keys, s.Criteria.Key()) {
			f.received[s.Mailbox] = append(f.received[s.Mailbox], store.Delivery{Event: a.Event, Subscriptions: []subscription.ID{s.ID}})
		}
	}
	return store.Receipt{Event: a.Event}, nil
}

func (f *forgetful) DeliveryPage(_ context.Context, q store.DeliveryQuery) (store.DeliveryPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return store.DeliveryPage{Found: f.received[q.Mailbox]}, nil
}

// What the check is worth: it passes an honest store, and finds a stale match
// and a publish that missed a subscription.
func TestHistoriesFindPlantedBugs(t *testing.T) {
	for _, stale := range []bool{false, true} {
		f := &forgetful{stale: stale, alive: map[subscription.ID]subscription.Subscription{}, received: map[string][]store.Delivery{}}
		th := &harness{T: t, Store: f, clock: &Clock{at: epoch}}
		h := th.history(1, 400, f)
		want := porcupine.Ok
		if stale {
			want = porcupine.Illegal
		}
		if got := porcupine.CheckOperationsTimeout(life, h, historyTimeout); got != want {
			t.Errorf("stale %v: %s after %d observations", stale, got, len(h))
		}
		if !stale {
			lost(t, h)
		}
	}
}

// lost takes one match out of an honest history.
func lost(t *testing.T, h []porcupine.Operation) {
	t.Helper()
	at := slices.IndexFunc(h, func(o porcupine.Operation) bool {
		return o.Input.(action).kind == "publish" && o.Output == there && alone(h, o)
	})
	if at < 0 {
		t.Fatal("no match in the history that nothing else was beside")
	}
	h[at].Output = absent
	if got := porcupine.CheckOperationsTimeout(life, h, historyTimeout); got != porcupine.Illegal {
		t.Errorf("a lost match: %s", got)
	}
}

// alone tells that nothing that changes the subscription was under way while an
// operation was.
func alone(h []porcupine.Operation, o porcupine.Operation) bool {
	return !slices.ContainsFunc(h, func(p porcupine.Operation) bool {
		kind := p.Input.(action).kind
		return p.Input.(action).subscription == o.Input.(action).subscription && slices.Contains([]string{"subscribe", "suspend", "restore", "end", "delete"}, kind) &&
			p.Call < o.Return && o.Call < p.Return
	})
}

func TestHistoryPatientsDiffer(t *testing.T) {
	seen := map[nhs.NHSNumber]bool{}
	for _, n := range numbers {
		if n.IsZero() || seen[n] {
			t.Errorf("a patient is missing or there twice")
		}
		seen[n] = true
	}
}

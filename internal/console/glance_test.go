package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/subscription"
)

// quiet is a store with nothing in it.
type quiet struct{ operator.Store }

func (quiet) AllSubscriptions(context.Context, store.SubscriptionQuery) ([]subscription.Subscription, error) {
	return nil, nil
}
func (quiet) QuarantinedAfter(context.Context, subscription.ID, int) ([]store.Quarantined, error) {
	return nil, nil
}
func (quiet) DeliveryPage(context.Context, store.DeliveryQuery) (store.DeliveryPage, error) {
	return store.DeliveryPage{}, nil
}
func (quiet) Unrouted(context.Context) (store.Unrouted, error)              { return store.Unrouted{}, nil }
func (quiet) Uncollected(context.Context, int) ([]store.Uncollected, error) { return nil, nil }
func (quiet) EndpointsAfter(context.Context, int64, int) ([]store.Endpoint, error) {
	return nil, nil
}
func (quiet) ControllerRows(context.Context) ([]store.ControllerRow, error) { return nil, nil }
func (quiet) Counts(context.Context, store.CountUnit, time.Time, time.Time) (store.Counts, error) {
	return store.Counts{}, nil
}

// slow is a store that answers when the test lets it.
type slow struct {
	quiet
	asked atomic.Int64
	let   chan store.Overview
}

func (s *slow) Overview(ctx context.Context, _ int) (store.Overview, error) {
	s.asked.Add(1)
	select {
	case o := <-s.let:
		return o, nil
	case <-ctx.Done():
		return store.Overview{}, ctx.Err()
	}
}

// hand is a clock that is moved by hand.
type hand struct{ at atomic.Int64 }

func (h *hand) now() time.Time { return time.Unix(1_772_000_000, h.at.Load()) }

func pageOf(s *slow, h *hand) *Console {
	return New(Config{Roles: []operator.Role{operator.Viewer}, Desk: viewed(s, h), Now: h.now, Log: slog.New(slog.DiscardHandler)})
}

// viewed returns a viewer's desk on a store.
func viewed(s operator.Store, h *hand) operator.Desk {
	return operator.Desk{Store: s, Now: h.now, Caller: operator.Caller{Roles: []operator.Role{operator.Viewer}}}
}

func get(ctx context.Context, c *Console) *httptest.ResponseRecorder {
	w, mux := httptest.NewRecorder(), http.NewServeMux()
	c.Mount(mux)
	mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, Root, nil))
	return w
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(end) {
			t.Fatal("still not")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAllViewersOfASecondShareOneReading(t *testing.T) {
	s, h := &slow{let: make(chan store.Overview)}, &hand{}
	p := pageOf(s, h)
	var all sync.WaitGroup
	for range 14 {
		all.Go(func() {
			if w := get(t.Context(), p); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "about 10.2 million") {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	eventually(t, func() bool { return len(p.glance.queue) == 14 })
	s.let <- store.Overview{Events: store.Figure{N: 10_200_000, About: true}}
	all.Wait()
	h.at.Add(int64(fresh - 1))
	if w := get(t.Context(), p); w.Code != http.StatusOK || s.asked.Load() != 1 {
		t.Errorf("within the second: status %d, the store was asked %d times", w.Code, s.asked.Load())
	}
	h.at.Add(1)
	all.Go(func() { s.let <- store.Overview{Events: store.Figure{N: 7}} })
	if w := get(t.Context(), p); !strings.Contains(w.Body.String(), "<b>7</b>") || s.asked.Load() != 2 {
		t.Errorf("the second after: the store was asked %d times: %s", s.asked.Load(), w.Body)
	}
	all.Wait()
}

// TestViewersAreBounded checks that a viewer that leaves does not affect the
// others, and that viewers beyond mostViewers are told to come back.
func TestViewersAreBounded(t *testing.T) {
	s, h := &slow{let: make(chan store.Overview)}, &hand{}
	p := pageOf(s, h)
	impatient, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { get(impatient, p) })
	eventually(t, func() bool { return s.asked.Load() == 1 })
	for range mostViewers - 1 {
		all.Go(func() {
			if w := get(t.Context(), p); w.Code != http.StatusOK {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	eventually(t, func() bool { return len(p.glance.queue) == mostViewers })
	w := get(t.Context(), p)
	if text, _ := io.ReadAll(w.Body); w.Code != http.StatusServiceUnavailable || !strings.Contains(string(text), "Too many people") || w.Header().Get("Retry-After") == "" {
		t.Errorf("one too many: status %d, %s", w.Code, text)
	}
	leave()
	eventually(t, func() bool { return len(p.glance.queue) == mostViewers-1 })
	s.let <- store.Overview{}
	all.Wait()
	if s.asked.Load() != 1 {
		t.Errorf("the store was asked %d times", s.asked.Load())
	}
}

// Few pages of lists are read at a time, whoever asks; Live waits for none of them.
func TestPagesAreReadFewAtATime(t *testing.T) {
	h := &hand{}
	let, asked := make(chan struct{}), atomic.Int64{}
	c := New(Config{Roles: []operator.Role{operator.Viewer}, Desk: viewed(&slow{let: make(chan store.Overview, 1)}, h), Now: h.now, Log: slog.New(slog.DiscardHandler)})
	slowly := page{path: "slow", read: func(*visit) (any, error) { asked.Add(1); <-let; return 1, nil }}
	var all sync.WaitGroup
	for range mostReading + 4 {
		all.Go(func() { _, _ = c.read(slowly, c.visit(httptest.NewRequest(http.MethodGet, Root, nil), Visitor{})) })
	}
	eventually(t, func() bool { return asked.Load() == mostReading })
	if _, err := c.read(page{path: "", read: func(*visit) (any, error) { return 1, nil }}, c.visit(httptest.NewRequest(http.MethodGet, Root, nil), Visitor{})); err != nil {
		t.Errorf("Live: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := c.read(slowly, c.visit(httptest.NewRequestWithContext(gone, http.MethodGet, Root, nil), Visitor{})); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever left: %v", err)
	}
	close(let)
	all.Wait()
	if n := asked.Load(); n != mostReading+4 {
		t.Errorf("%d were read", n)
	}
}

// TestFailuresAreShared checks that a failure is shared, so that viewers do not add load to a store
// that has failed.
func TestFailuresAreShared(t *testing.T) {
	h, asked := &hand{}, 0
	p := New(Config{Roles: []operator.Role{operator.Viewer}, Desk: viewed(failing{asked: &asked}, h), Now: h.now, Log: slog.New(slog.DiscardHandler)})
	for range 3 {
		if w := get(t.Context(), p); w.Code != http.StatusServiceUnavailable || asked != 1 {
			t.Errorf("status %d, the store was asked %d times", w.Code, asked)
		}
	}
}

type failing struct {
	operator.Store
	asked *int
}

func (f failing) Overview(ctx context.Context, _ int) (store.Overview, error) {
	*f.asked++
	if _, limited := ctx.Deadline(); !limited {
		return store.Overview{}, errors.New("no deadline")
	}
	return store.Overview{}, store.ErrBusy
}

func TestFigure(t *testing.T) {
	for want, f := range map[string]operator.Figure{
		"0": {}, "1": {N: 1}, "999": {N: 999}, "1,000": {N: 1000}, "1,234,567": {N: 1_234_567},
		"about 57,000": {N: 56_789, About: true}, "about 10.2 million": {N: 10_234_567, About: true}, "500 or more": {N: 500, AtLeast: true},
	} {
		if got := figure(f); got != want {
			t.Errorf("%+v: expected %q; received %q", f, want, got)
		}
	}
}

package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/api"
	"nems/internal/broker"
	"nems/internal/store"
)

func limited(l api.Limits) func(*api.Config) {
	return func(c *api.Config) { c.Limits = l }
}

func TestRateLimit(t *testing.T) {
	fx := newFixture(t, limited(api.Limits{Rate: 2}))
	for n := range 2 {
		if answer := fx.search(leeds, ""); answer.Code != 200 {
			t.Fatalf("request %d: %d", n, answer.Code)
		}
	}
	for range 3 { // refused ones cost nothing: the wait stays the same
		answer := fx.search(leeds, "")
		refused(t, answer, 429, "BAD_REQUEST")
		if got := answer.Header().Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After: %q", got)
		}
	}
	if answer := fx.search(national, ""); answer.Code != 200 {
		t.Errorf("another system is refused: %d", answer.Code)
	}
	fx.advance(500 * time.Millisecond)
	if answer := fx.search(leeds, ""); answer.Code != 200 {
		t.Errorf("after the wait: %d", answer.Code)
	}
	refused(t, fx.search(leeds, ""), 429, "BAD_REQUEST")
}

// slow is a broker whose searches wait until they are released.
type slow struct {
	*broker.Broker
	began chan struct{}
	free  chan struct{}
}

func (s slow) Search(ctx context.Context, c access.Caller, q store.SubscriptionQuery) (broker.Found, error) {
	s.began <- struct{}{}
	<-s.free
	return s.Broker.Search(ctx, c, q)
}

// occupied returns a fixture in which two searches of Leeds are under way, and
// what lets them go.
func occupied(t *testing.T, l api.Limits) (fx *fixture, free func()) {
	s := slow{began: make(chan struct{}), free: make(chan struct{})}
	fx = newFixture(t, limited(l), func(c *api.Config) {
		s.Broker = c.Broker.(*broker.Broker)
		c.Broker = s
	})
	answers := make(chan *httptest.ResponseRecorder)
	for range 2 {
		go func() { answers <- fx.search(leeds, "") }()
		<-s.began
	}
	return fx, func() {
		close(s.free)
		for range 2 {
			if a := <-answers; a.Code != 200 {
				t.Errorf("a request that was let in: %d", a.Code)
			}
		}
	}
}

func TestConcurrencyLimit(t *testing.T) {
	fx, free := occupied(t, api.Limits{Concurrent: 2})
	answer := fx.search(leeds, "")
	refused(t, answer, 429, "BAD_REQUEST")
	if answer.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	read := fx.request(national, "GET", "/STU3/Subscription/"+strings.Repeat("0", 32), access.ReadInteraction, "")
	refused(t, fx.send(read), 404, "NO_RECORD_FOUND") // another system is served
	free()
	read = fx.request(leeds, "GET", "/STU3/Subscription/"+strings.Repeat("0", 32), access.ReadInteraction, "")
	refused(t, fx.send(read), 404, "NO_RECORD_FOUND")
}

// TestOverload: beyond the number that is served at a time, everybody is refused at once.
func TestOverload(t *testing.T) {
	fx, free := occupied(t, api.Limits{InFlight: 2})
	for _, s := range []system{leeds, national, publisher} {
		r := fx.request(s, "GET", "/STU3/Subscription/"+strings.Repeat("0", 32), access.ReadInteraction, "")
		r.Header.Set("Accept", "application/fhir+json")
		before := time.Now()
		answer := fx.send(r)
		if took := time.Since(before); took > 100*time.Millisecond {
			t.Errorf("it took %s to be refused", took)
		}
		refused(t, answer, 503, "INTERNAL_SERVER_ERROR")
		if answer.Header().Get("Retry-After") == "" || !strings.Contains(answer.Header().Get("Content-Type"), "json") {
			t.Errorf("headers: %v", answer.Header())
		}
	}
	free()
	refused(t, fx.send(fx.request(leeds, "GET", "/STU3/Subscription/"+strings.Repeat("0", 32), access.ReadInteraction, "")), 404, "NO_RECORD_FOUND")
}

// TestBodiesInFlight: the bodies of one system may hold a quarter of the total,
// and the room is given back.
func TestBodiesInFlight(t *testing.T) {
	fx := newFixture(t, limited(api.Limits{Bytes: 80_000}))
	send := func(s system, size int) *httptest.ResponseRecorder {
		return fx.send(fx.request(s, "POST", "/STU3/Subscription", access.CreateInteraction, strings.Repeat(" ", size)))
	}
	for range 5 {
		refused(t, send(leeds, 20_001), 429, "BAD_REQUEST")
		refused(t, send(leeds, 18_000), 400, "MESSAGE_NOT_WELL_FORMED")
	}
}

// TestBodiesOfOneSystem: however many bodies one system leaves half sent, another
// system's bodies are read.
func TestBodiesOfOneSystem(t *testing.T) {
	fx := newFixture(t, limited(api.Limits{Bytes: 320_000}))
	var open sync.WaitGroup
	blocked, free := make(chan struct{}), make(chan struct{})
	for range 2 { // two of 32 KiB fit into 80,000 bytes
		r := fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, "")
		r.Body, r.ContentLength = &stuck{sent: 20_000, blocked: blocked, free: free}, 40_000
		open.Go(func() { refused(t, fx.send(r), 400, "BAD_REQUEST") })
		<-blocked
	}
	whole := resource(leeds, "MAILBOX1234", about(jack, vaccine))
	large := strings.Replace(whole, ">", ">"+strings.Repeat(" ", 30_000), 1)
	refused(t, fx.send(fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, large)), 429, "BAD_REQUEST")
	other := strings.ReplaceAll(strings.ReplaceAll(large, "RR8", "X26"), "MAILBOX1234", "X26ABC1")
	if answer := fx.send(fx.request(national, "POST", "/STU3/Subscription", access.CreateInteraction, other)); answer.Code != 201 {
		t.Errorf("another system: %d %s", answer.Code, answer.Body)
	}
	close(free)
	open.Wait()
	if answer := fx.send(fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, large)); answer.Code != 201 {
		t.Errorf("when the others have gone: %d %s", answer.Code, answer.Body)
	}
}

// stuck is a body that ends early when it is released.
type stuck struct {
	sent          int
	blocked, free chan struct{}
}

func (s *stuck) Read(p []byte) (int, error) {
	if s.sent > 0 {
		n := min(len(p), s.sent)
		s.sent -= n
		return n, nil
	}
	s.blocked <- struct{}{}
	<-s.free
	return 0, io.ErrUnexpectedEOF
}

func (s *stuck) Close() error { return nil }

// busy is a broker on a store whose queue is full.
type busy struct{ *broker.Broker }

func (busy) Search(context.Context, access.Caller, store.SubscriptionQuery) (broker.Found, error) {
	return broker.Found{}, fmt.Errorf("searching: %w", store.ErrBusy)
}

func TestBusyStore(t *testing.T) {
	fx := newFixture(t, func(c *api.Config) { c.Broker = busy{c.Broker.(*broker.Broker)} })
	answer := fx.search(leeds, "")
	refused(t, answer, 503, "INTERNAL_SERVER_ERROR")
	if answer.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", answer.Header().Get("Retry-After"))
	}
}

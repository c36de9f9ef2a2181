package stream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// journal is a broker and a store with one subscription. Numbers that are in lost are not
// kept any more.
type journal struct {
	mu       sync.Mutex
	counting store.Counting
	lost     []uint64
	gone     bool
	asked    int
	down     error
}

var theID = subscription.ID{1}

func (j *journal) Status(context.Context, access.Caller, string) (out broker.Counted, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked++
	out.ID, out.Counting = theID, j.counting
	if j.gone {
		return out, refuse.NoRecordFound("it was deleted")
	}
	return out, j.down
}

func (*journal) MayRead(subscription.Subscription) error { return nil }

func (j *journal) Released(_ context.Context, _ subscription.ID, from, to uint64, max int) (out []broker.NumberedEvent, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for n := from; n <= to && len(out) < max; n++ {
		if !slices.Contains(j.lost, n) {
			out = append(out, broker.NumberedEvent{Numbered: store.Numbered{Number: n, At: noon}})
		}
	}
	return out, nil
}

func (j *journal) CountedWithin(context.Context, time.Duration, int) ([]store.Advance, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return []store.Advance{{Subscription: theID, Epoch: j.counting.Epoch, Last: j.counting.Last}}, nil
}

func (j *journal) StandingSubscriptions(_ context.Context, ids []subscription.ID) ([]subscription.ID, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.gone {
		return nil, nil
	}
	return ids, nil
}

func (*journal) Mailbox(context.Context, string) (store.Mailbox, error) { return store.Mailbox{}, nil }

func (*journal) Endpoint(context.Context, int64) (store.Endpoint, error) {
	return store.Endpoint{Channel: store.StreamChannel, Value: Endpoint{Form: Message}.Pack()}, nil
}

func (*journal) Cursor(context.Context, subscription.ID) (store.Cursor, error) {
	return store.Cursor{}, nil
}

func (*journal) TakeEvents(_ context.Context, _ subscription.ID, to store.Cursor, _ int) (store.Cursor, error) {
	return to, nil
}

func (j *journal) set(change func(*journal)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(j)
}

// bench is a service and one stream, on a clock that advances when all goroutines wait.
type bench struct {
	*journal
	*Service
	revoked atomic.Bool
	stream  net.Conn
	ended   chan struct{}
	cancel  context.CancelFunc
}

// follow runs a test against a stream that begins at a place.
func follow(t *testing.T, begin store.Counting, at Place, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{journal: &journal{counting: begin}, ended: make(chan struct{})}
		b.Service = New(Config{Broker: b.journal, Store: b.journal, Now: time.Now, Log: slog.New(slog.DiscardHandler), Admitted: func(context.Context, access.Caller) bool { return !b.revoked.Load() }, Most: 2, Share: 1})
		var ctx context.Context
		ctx, b.cancel = context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() { b.Run(ctx); close(ran) }()
		ours, theirs := net.Pipe()
		b.stream = ours
		if err := b.enter("RR8"); err != nil {
			t.Fatal(err)
		}
		go func() {
			b.run(context.Background(), &reader{Service: b.Service, caller: access.Caller{ODS: "RR8"}, id: theID, form: Signal, at: at},
				&lines{Writer: theirs, deadline: theirs.SetWriteDeadline, flush: func() error { return nil }})
			_ = theirs.Close()
			close(b.ended)
		}()
		test(t, b)
		_ = ours.Close()
		b.cancel()
		<-b.ended
		<-ran
		if b.Readers() != 0 {
			t.Errorf("%d readers are left", b.Readers())
		}
	})
}

// next is the next event of the stream, or a comment.
func (b *bench) next(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var out strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%q, %v", out.String(), err)
		}
		if line == "\n" {
			if text := out.String(); !strings.HasPrefix(text, "retry: ") {
				return text
			}
			out.Reset()
			continue
		}
		out.WriteString(line)
	}
}

const one = "id: 5-1\nevent: message\ndata: {\"number\":1,\"time\":\"2026-03-02T12:00:00Z\"}\n"

// Events come when they are counted; while none come there is a comment every 15 seconds,
// and nobody asks the database.
func TestFollows(t *testing.T) {
	follow(t, store.Counting{}, Place{}, func(t *testing.T, b *bench) {
		r := bufio.NewReader(b.stream)
		begun := time.Now()
		for range 20 {
			if got := b.next(t, r); got != ":\n" {
				t.Fatalf("%q", got)
			}
		}
		if b.asked > 2 || time.Since(begun) != 20*heartbeat {
			t.Errorf("asked %d times in %s", b.asked, time.Since(begun))
		}
		b.set(func(j *journal) { j.counting = store.Counting{Epoch: 5, First: 1, Last: 1} })
		at := time.Now()
		if got := b.next(t, r); got != one || time.Since(at) > 2*watchPoll {
			t.Errorf("%q after %s", got, time.Since(at))
		}
		b.set(func(j *journal) { j.gone = true })
		if got := b.next(t, r); got != "event: end\ndata: {\"reason\":\"gone\"}\n" {
			t.Errorf("%q", got)
		}
		<-b.ended
	})
}

// A stream ends after an hour, when the caller is no longer registered, when the service
// ends, and when the database fails; the reader is told when to come back, or finds out.
func TestStreamsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench)
		within time.Duration
	}{
		"by its age":   {func(*bench) {}, time.Hour},
		"revoked":      {func(b *bench) { b.revoked.Store(true) }, heartbeat},
		"shutdown":     {func(b *bench) { b.cancel() }, 0},
		"database":     {func(b *bench) { b.set(func(j *journal) { j.counting.Last, j.down = 2, store.ErrBusy }) }, watchPoll},
		"disconnected": {func(b *bench) { _ = b.stream.Close() }, heartbeat},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, store.Counting{Epoch: 5, First: 1, Last: 1}, Place{}, func(t *testing.T, b *bench) {
				r := bufio.NewReader(b.stream)
				if got := b.next(t, r); got != one {
					t.Errorf("%q", got)
				}
				synctest.Wait()
				begun := time.Now()
				c.change(b)
				go func() { _, _ = io.Copy(io.Discard, r) }()
				<-b.ended
				if took := time.Since(begun); took > c.within || c.within == time.Hour && took != c.within {
					t.Errorf("ended after %s", took)
				}
			})
		})
	}
}

// A reader that takes nothing is cut off.
func TestSlowReader(t *testing.T) {
	follow(t, store.Counting{Epoch: 5, First: 1, Last: 100}, Place{}, func(t *testing.T, b *bench) {
		begun := time.Now()
		<-b.ended
		if took := time.Since(begun); took != writeWithin {
			t.Errorf("cut off after %s", took)
		}
	})
}

// Where events are missing the reader is told, and goes on behind them.
func TestGaps(t *testing.T) {
	for name, c := range map[string]struct {
		counting store.Counting
		at       Place
		lost     []uint64
		want     []string // beginnings
	}{
		"from the beginning": {store.Counting{Epoch: 5, First: 3, Last: 4}, Place{}, []uint64{1, 2}, []string{"id: 5-2\nevent: gap\ndata: {\"reason\":\"purged\",\"from\":1,\"next\":3}\n", "id: 5-3\nevent: message", "id: 5-4"}},
		"before the first":   {store.Counting{Epoch: 5, First: 4, Last: 4}, Place{5, 1}, []uint64{1, 2, 3}, []string{"id: 5-3\nevent: gap\ndata: {\"reason\":\"purged\",\"from\":2,\"next\":4}\n", "id: 5-4\nevent: message"}},
		"none is kept":       {store.Counting{Epoch: 5, First: 0, Last: 4}, Place{5, 1}, []uint64{1, 2, 3, 4}, []string{"id: 5-4\nevent: gap\ndata: {\"reason\":\"purged\",\"from\":2,\"next\":5}\n"}},
		"in between":         {store.Counting{Epoch: 5, First: 1, Last: 4}, Place{5, 0}, []uint64{2, 3}, []string{"id: 5-1", "id: 5-3\nevent: gap\ndata: {\"reason\":\"purged\",\"from\":2,\"next\":4}\n", "id: 5-4"}},
		"removed meanwhile":  {store.Counting{Epoch: 5, First: 1, Last: 2}, Place{5, 0}, []uint64{1, 2}, []string{"id: 5-2\nevent: gap\ndata: {\"reason\":\"purged\",\"from\":1,\"next\":3}\n"}},
		"another epoch":      {store.Counting{Epoch: 6, First: 2, Last: 2}, Place{5, 9}, []uint64{1}, []string{"id: 6-1\nevent: gap\ndata: {\"reason\":\"epoch\",\"next\":2}\n", "id: 6-2"}},
		"not given yet":      {store.Counting{Epoch: 5, First: 1, Last: 1}, Place{5, 9}, nil, []string{"id: 5-0\nevent: gap\ndata: {\"reason\":\"unknown\",\"next\":1}\n", "id: 5-1"}},
		"nothing is counted": {store.Counting{}, Place{5, 9}, nil, []string{"id: 0-0\nevent: gap\ndata: {\"reason\":\"epoch\",\"next\":1}\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			j := &journal{counting: c.counting, lost: c.lost}
			r := &reader{Service: New(Config{Broker: j, Store: j}), id: theID, form: Signal, at: c.at}
			var got strings.Builder
			err := r.catchUp(t.Context(), &lines{Writer: &got, deadline: func(time.Time) error { return nil }, flush: func() error { return nil }})
			all := strings.Split(strings.TrimSuffix(got.String(), "\n\n"), "\n\n")
			if err != nil || len(all) != len(c.want) {
				t.Fatalf("%q, %v", all, err)
			}
			for i := range all {
				if !strings.HasPrefix(all[i]+"\n", c.want[i]) {
					t.Errorf("%d: %q", i, all[i])
				}
			}
		})
	}
}

// An organisation that has too many readers is told to wait, and so is everybody when the
// node has.
func TestLimits(t *testing.T) {
	s := New(Config{Most: 2, Share: 1})
	status := func(ods nhs.ODSCode) int {
		var refusal *refuse.Refusal
		if err := s.enter(ods); errors.As(err, &refusal) {
			return refusal.Status
		}
		return 200
	}
	for i, c := range []struct {
		ods  nhs.ODSCode
		want int
	}{{"A", 200}, {"A", 429}, {"B", 200}, {"C", 503}} {
		if got := status(c.ods); got != c.want {
			t.Errorf("%d: %d", i, got)
		}
	}
	s.leave("A")
	if got := status("C"); got != 200 || len(s.of) != 2 {
		t.Errorf("after one left: %d, %v", got, s.of)
	}
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string]Place{"0-0": {}, "1773000000-42": {1773000000, 42}} {
		if got, err := ParsePlace(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "-", "1-", "-1", "1-x", "1--1", "+1-1", "1-9223372036854775808", "4294967296-1", "1-1 "} {
		if _, err := ParsePlace(text); err == nil {
			t.Errorf("%q is one", text)
		}
	}
}

package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// auditVerifies looks at what a day's work leaves in the audit, and changes a
// copy of it in every way.
func auditVerifies(t *testing.T, th *harness) {
	th.mailbox("A")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	for range 3 {
		th.publish()
	}
	refused := th.Subscribe(th.ctx(), th.subscription("A", ofPatient(jack, vaccination)), entry("refused"))
	if refused == nil {
		t.Error("a duplicate was taken")
	}
	for range 20 {
		th.Record(entry("read"))
	}
	th.must(th.Delete(th.ctx(), s.ID, entry("delete")))
	th.fixture.Stop(t)
	th.reopen()
	th.publish()
	heads, err := th.Heads(th.ctx())
	th.must(err)
	at := th.clock.Now()
	th.clock.advance(time.Minute)
	th.publish()
	checkpoint := audit.Checkpoint{At: at, Heads: heads}
	r := th.verify(checkpoint)
	if r.Entries != 1+3+20+1+2 || r.Chains != 2 || !r.Vouched.Equal(at) {
		t.Errorf("report: %+v", r)
	}
	actions := map[audit.Action]int{}
	var links []audit.Link
	for l, err := range th.Links(th.ctx(), time.Time{}, time.Time{}) {
		th.must(err)
		links = append(links, l)
		entries, err := l.Unpack()
		th.must(err)
		for _, e := range entries {
			actions[e.Action]++
			if e.Patient != jack {
				t.Error("an entry lost its patient")
			}
		}
	}
	if actions["read"] != 20 || actions["publish"] != 5 || actions["refused"] != 0 {
		t.Errorf("actions: %v", actions)
	}
	tamper(t, links, checkpoint)
}

// tamper verifies that every change to the links is found.
func tamper(t *testing.T, links []audit.Link, checkpoint audit.Checkpoint) {
	found := func(what string, changed []audit.Link) {
		t.Helper()
		r, err := audit.Verify(func(yield func(audit.Link, error) bool) {
			for _, l := range changed {
				if !yield(l, nil) {
					return
				}
			}
		}, []audit.Checkpoint{checkpoint})
		if err != nil || r.Found == 0 || !r.Vouched.IsZero() {
			t.Errorf("%s was not found (%v)", what, err)
		}
	}
	for i := range links {
		edited := slices.Clone(links)
		edited[i].Entries = bytes.Replace(edited[i].Entries, []byte("RR8"), []byte("X26"), 1)
		found(fmt.Sprintf("edit of link %d", i), edited)
		edited = slices.Clone(links)
		edited[i].At = edited[i].At.Add(time.Microsecond)
		found(fmt.Sprintf("another moment of link %d", i), edited)
		if i < len(links)-1 { // the last one came after the checkpoint
			found(fmt.Sprintf("removal of link %d", i), slices.Delete(slices.Clone(links), i, i+1))
			found(fmt.Sprintf("truncation at link %d", i), links[:i])
		}
		if i < len(links)-1 && links[i].Chain == links[i+1].Chain { // between chains there is no order
			swapped := slices.Clone(links)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			found(fmt.Sprintf("exchange of links %d and %d", i, i+1), swapped)
		}
	}
}

func reopening(t *testing.T, th *harness) {
	box := th.mailbox("A")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	first := th.publish()
	th.fixture.Stop(t)
	th.clock.advance(-time.Hour) // the clock was set back meanwhile
	th.reopen()
	second := th.publish()
	if second.Event <= first.Event {
		t.Errorf("position %d after %d", second.Event, first.Event)
	}
	th.wantInbox("reopened", box, first.Event, second.Event)
	if got, err := th.Subscription(th.ctx(), s.ID); err != nil || got.ID != s.ID {
		t.Errorf("subscription: %v", err)
	}
	last := second.Event
	for range 1000 {
		p := th.NextPosition()
		if p <= last {
			t.Fatalf("position %d after %d", p, last)
		}
		last = p
	}
	th.verify()
}

// killedUnderLoad kills the store while publishers publish: what was answered
// is there afterwards, whole, and once.
func killedUnderLoad(t *testing.T, th *harness) {
	box := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	var answered []store.EventID
	for round := range 5 {
		confirmed := th.underLoad(func() { th.fixture.Crash(t) })
		answered = append(answered, confirmed...)
		th.reopen()
		there := map[store.EventID]int{}
		for _, m := range th.inbox(box) {
			there[m.Position]++
			if m.Position == confirmed[0] && !bytes.Equal(th.download(m, 1), message(1)) {
				t.Error("a copy came back changed")
			}
		}
		for _, p := range answered {
			if there[p] != 1 {
				t.Fatalf("round %d: event %d is there %d times", round, p, there[p])
			}
		}
	}
	th.verify()
}

// underLoad runs end while eight publishers publish, once they have confirmed
// some events, and returns what was confirmed before it.
func (th *harness) underLoad(end func()) []store.EventID {
	var mu sync.Mutex
	var confirmed []store.EventID
	var stopped atomic.Bool
	var all sync.WaitGroup
	db := th.Store
	for range 8 {
		all.Go(func() {
			for !stopped.Load() {
				r, err := db.AcceptEvent(context.Background(), th.acceptance(jack, message(1)))
				mu.Lock()
				if err == nil && !stopped.Load() {
					confirmed = append(confirmed, r.Event)
				}
				mu.Unlock()
			}
		})
	}
	th.eventually("a hundred events", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(confirmed) >= 100
	})
	mu.Lock()
	stopped.Store(true)
	mu.Unlock()
	end()
	all.Wait()
	return confirmed
}

// linearizable has writers come and go while publishers publish: an event
// whose publishing began after a subscription was answered, and ended before
// its deletion began, is matched; one that began after the deletion was
// answered is not.
func linearizable(t *testing.T, th *harness) {
	const subscribers, rounds = 4, 25
	boxes := make([]int64, subscribers)
	for i := range boxes {
		boxes[i] = th.mailbox(fmt.Sprint("BOX", i))
	}
	type span struct{ from, to int64 } // of a logical clock
	var tick atomic.Int64
	published := map[store.EventID]span{}
	var mu sync.Mutex
	var stop atomic.Bool
	var publishers, all sync.WaitGroup
	for range 4 {
		publishers.Go(func() {
			for !stop.Load() {
				from := tick.Add(1)
				a := th.acceptance(jack, message(1))
				r, err := th.AcceptEvent(th.ctx(), a)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				published[r.Event] = span{from, tick.Add(1)}
				mu.Unlock()
			}
		})
	}
	type life struct{ asked, alive, ending, gone int64 }
	lives := make([][]life, subscribers)
	for i := range subscribers {
		all.Go(func() {
			for range rounds {
				var l life
				s := th.subscription(fmt.Sprint("BOX", i), ofPatient(jack, vaccination))
				l.asked = tick.Add(1)
				if err := th.Subscribe(th.ctx(), s, entry("subscribe")); err != nil {
					t.Error(err)
				}
				l.alive = tick.Add(1)
				if _, err := th.Subscription(th.ctx(), s.ID); err != nil {
					t.Errorf("read after creation: %v", err)
				}
				l.ending = tick.Add(1)
				if err := th.Delete(th.ctx(), s.ID, entry("delete")); err != nil {
					t.Error(err)
				}
				l.gone = tick.Add(1)
				if _, err := th.Subscription(th.ctx(), s.ID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("read after deletion: %v", err)
				}
				lives[i] = append(lives[i], l)
			}
		})
	}
	all.Wait()
	stop.Store(true)
	publishers.Wait()
	for i, box := range boxes {
		got := map[store.EventID]bool{}
		for _, m := range th.inbox(box) {
			got[m.Position] = true
		}
		for event, p := range published {
			must, may := false, false
			for _, l := range lives[i] {
				must = must || p.from > l.alive && p.to < l.ending
				may = may || p.to > l.asked && p.from < l.gone
			}
			if must && !got[event] || got[event] && !may {
				t.Errorf("event %d: must %v, may %v, is there %v", event, must, may, got[event])
			}
		}
	}
}

// waitingEnds gives up waiting for commits: they happen or not, wholly.
func waitingEnds(t *testing.T, th *harness) {
	box := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	done, cancel := context.WithCancel(th.ctx())
	cancel()
	if _, err := th.AcceptEvent(done, th.acceptance(jack, message(1))); err == nil || errors.Is(err, store.ErrUnknown) {
		t.Errorf("a context that ended before stores nothing: %v", err)
	}
	th.wantInbox("nothing was stored", box)
	for range 50 {
		ctx, cancel := context.WithCancel(th.ctx())
		go cancel()
		a := th.acceptance(jack, message(1))
		_, err := th.AcceptEvent(ctx, a)
		if err != nil && !errors.Is(err, store.ErrUnknown) && !errors.Is(err, store.ErrBusy) {
			t.Errorf("giving up: %v", err)
		}
		last := th.publish() // everything handed in before it is committed by now
		there := slices.ContainsFunc(th.inbox(box), func(m store.Message) bool { return m.Position == a.Event })
		_, bodyErr := th.EventMessage(th.ctx(), a.Event)
		if (err == nil && !there) || there != (bodyErr == nil) {
			t.Errorf("half an event before %d: %v, in the inbox %v, body %v", last.Event, err, there, bodyErr)
		}
		cancel()
	}
}

func closedStore(t *testing.T, th *harness) {
	th.mailbox("A")
	s := th.subscription("A", ofPatient(jack, vaccination))
	a := th.acceptance(jack, message(1))
	db := th.Store
	th.fixture.Stop(t)
	ctx := context.Background()
	_, err := db.AcceptEvent(ctx, a)
	th.wantError("publish", err, store.ErrClosed)
	th.wantError("subscribe", db.Subscribe(ctx, s, entry("subscribe")), store.ErrClosed)
	_, err = db.Subscription(ctx, s.ID)
	th.wantError("read", err, store.ErrClosed)
	_, err = db.UseNonce(ctx, [16]byte(sha256.New().Sum(nil)[:16]), time.Now())
	th.wantError("nonce", err, store.ErrClosed)
	th.reopen()
	_, err = th.EventMessage(ctx, a.Event)
	th.wantError("nothing was stored", err, store.ErrNotFound)
	if _, err := th.Subscription(ctx, subscription.ID{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the zero id: %v", err)
	}
}

// The last commit is told by the clock that it was made by, also where that
// clock was wrong.
func lastCommit(t *testing.T, th *harness) {
	want := func(what string, want time.Time) {
		t.Helper()
		got, err := th.LastCommit(th.ctx())
		th.must(err)
		if !got.Equal(want) {
			t.Errorf("%s: expected %s, got %s", what, want, got)
		}
	}
	want("nothing was committed", time.Time{})
	const ahead = 10 * 365 * 24 * time.Hour
	th.clock.advance(ahead)
	th.publish()
	wrong := th.clock.Now()
	th.fixture.Stop(t)
	th.clock.advance(-ahead)
	th.reopen()
	want("committed by a clock that was ahead", wrong)
	th.publish()
	want("committed since it was put right", th.clock.Now())
}

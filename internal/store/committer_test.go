package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"nems/internal/store"
)

// ledger is a commit function that keeps numbers. It works only while gate lets
// it, and it fails any batch that contains a negative number.
type ledger struct {
	gate chan struct{} // nil: always open

	mu      sync.Mutex
	kept    []int
	batches [][]int
	failing error
}

var errNegative = errors.New("a negative number")

func (l *ledger) commit(ops []int, out []store.Outcome[int]) error {
	if l.gate != nil {
		<-l.gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing != nil {
		return l.failing
	}
	for _, n := range ops {
		if n < 0 {
			return errNegative
		}
	}
	for i, n := range ops {
		if n == 13 {
			out[i].Err = store.ErrNotFound // a refusal: no effect, the others go on
			continue
		}
		l.kept = append(l.kept, n)
		out[i].Value = 2 * n
	}
	l.batches = append(l.batches, append([]int(nil), ops...))
	return nil
}

func running(t testing.TB, limits store.Limits[int], l *ledger) (c *store.Committer[int, int], stop func()) {
	c = store.NewCommitter(limits, l.commit)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { c.Run(ctx) })
	stop = func() {
		cancel()
		all.Wait()
	}
	t.Cleanup(stop)
	return c, stop
}

func TestEachGetsItsOwnAnswer(t *testing.T) {
	l := &ledger{}
	c, stop := running(t, store.Limits[int]{Queue: 64, Batch: 8}, l)
	var all sync.WaitGroup
	for i := range 60 {
		n := i
		if i%10 == 9 {
			n = -i
		}
		all.Go(func() {
			got, err := c.Submit(t.Context(), n)
			switch {
			case n < 0 && !errors.Is(err, errNegative):
				t.Errorf("%d: expected its own failure, got %v", n, err)
			case n == 13 && !errors.Is(err, store.ErrNotFound):
				t.Errorf("13: expected a refusal, got %v", err)
			case n >= 0 && n != 13 && (err != nil || got != 2*n):
				t.Errorf("%d: %d, %v", n, got, err)
			}
		})
	}
	all.Wait()
	stop()
	if len(l.kept) != 53 {
		t.Errorf("kept %d of 53", len(l.kept))
	}
	if s := c.Stats(); s.Operations != 54 || s.Depth != 0 || s.Failed == 0 {
		t.Errorf("stats: %+v", s)
	}
}

func TestWaitingOperationsShareACommit(t *testing.T) {
	l := &ledger{gate: make(chan struct{})}
	c, _ := running(t, store.Limits[int]{Queue: 64, Batch: 8}, l)
	var all sync.WaitGroup
	submit := func(n int) {
		all.Go(func() {
			if _, err := c.Submit(t.Context(), n); err != nil {
				t.Error(err)
			}
		})
	}
	submit(0)
	for i := 1; i <= 20; i++ {
		if err := c.Post(i); err != nil {
			t.Fatal(err)
		}
	}
	close(l.gate)
	all.Wait()
	submit(100)
	all.Wait()
	for _, b := range l.batches {
		if len(b) > 8 {
			t.Errorf("a batch of %d", len(b))
		}
	}
	if len(l.batches) > 6 {
		t.Errorf("%d commits for 22 operations that waited together", len(l.batches))
	}
	s := c.Stats()
	var sizes uint64
	for _, n := range s.Sizes {
		sizes += n
	}
	if sizes != s.Commits {
		t.Errorf("sizes count %d commits of %d", sizes, s.Commits)
	}
}

func TestFullQueueAnswersAtOnce(t *testing.T) {
	l := &ledger{gate: make(chan struct{})}
	weigh := func(n int) int { return n }
	c := store.NewCommitter(store.Limits[int]{Queue: 4, Batch: 2, Weight: weigh, QueueBytes: 100, BatchBytes: 50}, l.commit)
	for range 4 {
		if err := c.Post(1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Submit(t.Context(), 1); !errors.Is(err, store.ErrBusy) {
		t.Errorf("expected ErrBusy, got %v", err)
	}
	heavy := store.NewCommitter(store.Limits[int]{Queue: 4, Batch: 2, Weight: weigh, QueueBytes: 100, BatchBytes: 50}, l.commit)
	if err := heavy.Post(1000); err != nil {
		t.Errorf("one operation is let in whatever it weighs: %v", err)
	}
	if err := heavy.Post(1); !errors.Is(err, store.ErrBusy) {
		t.Errorf("expected ErrBusy, got %v", err)
	}
	if s := heavy.Stats(); s.Bytes != 1000 || s.Refused != 1 || s.Depth != 1 {
		t.Errorf("stats: %+v", s)
	}
}

func TestContextEndsTheWaitingNotTheCommit(t *testing.T) {
	l := &ledger{gate: make(chan struct{})}
	c, stop := running(t, store.Limits[int]{Queue: 4, Batch: 2}, l)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() {
		_, err := c.Submit(ctx, 1)
		answer <- err
	}()
	l.gate <- struct{}{} // the commit is under way only after the operation was handed in
	cancel()
	err := <-answer
	if err != nil && (!errors.Is(err, store.ErrUnknown) || !errors.Is(err, context.Canceled)) {
		t.Errorf("expected ErrUnknown or success, got %v", err)
	}
	close(l.gate)
	stop()
	if len(l.kept) != 1 {
		t.Errorf("kept %d", len(l.kept))
	}
	if _, err := c.Submit(ctx, 2); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("a context that ended before hands nothing in: %v", err)
	}
}

func TestClosingCommitsWhatWasAccepted(t *testing.T) {
	l := &ledger{}
	c := store.NewCommitter(store.Limits[int]{Queue: 64, Batch: 8}, l.commit)
	for i := range 50 {
		if err := c.Post(i); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.Run(ended)
	if len(l.kept) != 49 { // 13 is refused
		t.Errorf("kept %d of 49", len(l.kept))
	}
	if _, err := c.Submit(t.Context(), 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("expected ErrClosed, got %v", err)
	}
}

func TestFailingMachineIsNotAskedAgain(t *testing.T) {
	l := &ledger{failing: store.ErrBusy}
	c := store.NewCommitter(store.Limits[int]{Queue: 64, Batch: 8}, l.commit)
	for i := range 8 {
		if err := c.Post(i); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.Run(ended)
	if s := c.Stats(); s.Failed != 1 || s.Commits != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// TestKeptIsWhatWasAnswered checks that, whatever is handed in, each operation
// answered without an error is kept once, in its submitter's order, and nothing
// else is kept.
func TestKeptIsWhatWasAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := rapid.SliceOfN(rapid.IntRange(-3, 20), 0, 60).Draw(t, "ops")
		l := &ledger{}
		c := store.NewCommitter(store.Limits[int]{Queue: 8, Batch: rapid.IntRange(1, 9).Draw(t, "batch")}, l.commit)
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { c.Run(ctx) })
		var want []int
		for _, n := range ops {
			if _, err := c.Submit(context.Background(), n); err == nil {
				want = append(want, n)
			}
		}
		cancel()
		all.Wait()
		if len(want) != len(l.kept) {
			t.Fatalf("answered %v, kept %v", want, l.kept)
		}
		for i := range want {
			if want[i] != l.kept[i] {
				t.Fatalf("answered %v, kept %v", want, l.kept)
			}
		}
	})
}

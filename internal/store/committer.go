package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Commit runs operations in one transaction, in their order, and fills in one
// outcome for each. An outcome's Err refuses only that operation, which must
// then have had no effect. A returned error means that the whole transaction
// was rolled back; the outcomes are then ignored.
type Commit[Op, R any] func(ops []Op, out []Outcome[R]) error

// Outcome is the result of one operation.
type Outcome[R any] struct {
	Value R
	Err   error
}

// Limits bound a Committer.
type Limits[Op any] struct {
	Queue int // operations that may wait; more get ErrBusy
	Batch int // operations in one transaction
	// Weight returns how many bytes an operation holds; if it is nil, bytes are
	// not counted. QueueBytes and BatchBytes limit their sums, as Queue and
	// Batch limit the numbers. An operation that is heavier than BatchBytes is
	// committed alone.
	Weight     func(Op) int
	QueueBytes int
	BatchBytes int
}

// Committer lets concurrent operations share transactions: all operations that
// are waiting when one commit ends go into the next. It is safe for concurrent
// use.
type Committer[Op, R any] struct {
	commit Commit[Op, R]
	limits Limits[Op]
	queue  chan *request[Op, R]
	free   sync.Pool // of *request whose answer was taken

	mu     sync.RWMutex // held for writing to close, for reading to enqueue
	closed bool

	bytes  atomic.Int64
	counts counters
}

// request is one operation on its way. done has room for one answer, so the
// committer never waits for a submitter that has gone away.
type request[Op, R any] struct {
	op     Op
	weight int
	done   chan Outcome[R]
}

// NewCommitter returns a Committer. Submitted operations wait until Run is
// called.
func NewCommitter[Op, R any](limits Limits[Op], commit Commit[Op, R]) *Committer[Op, R] {
	c := &Committer[Op, R]{commit: commit, limits: limits, queue: make(chan *request[Op, R], limits.Queue)}
	c.free.New = func() any { return &request[Op, R]{done: make(chan Outcome[R], 1)} }
	return c
}

// Submit hands in an operation and waits for its commit. It returns ErrBusy at
// once when the queue is full, and ErrClosed after the end of Run. If ctx ends
// first, it returns ErrUnknown: the operation may or may not be committed, only
// the waiting has ended. Other errors are those of Commit.
func (c *Committer[Op, R]) Submit(ctx context.Context, op Op) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	r, err := c.enqueue(op)
	if err != nil {
		return none, err
	}
	select {
	case o := <-r.done:
		c.free.Put(r)
		return o.Value, o.Err
	case <-ctx.Done():
		return none, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// Post hands in an operation without waiting for its outcome.
func (c *Committer[Op, R]) Post(op Op) error {
	_, err := c.enqueue(op)
	return err
}

func (c *Committer[Op, R]) enqueue(op Op) (*request[Op, R], error) {
	weight := 0
	if c.limits.Weight != nil {
		weight = c.limits.Weight(op)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return nil, ErrClosed
	}
	// One operation is let in whatever its weight, because otherwise a heavy one could never get
	// in.
	if sum := c.bytes.Add(int64(weight)); weight > 0 && sum > int64(c.limits.QueueBytes) && sum > int64(weight) {
		c.bytes.Add(-int64(weight))
		c.counts.refused.Add(1)
		return nil, ErrBusy
	}
	r := c.free.Get().(*request[Op, R])
	r.op, r.weight = op, weight
	select {
	case c.queue <- r:
		return r, nil
	default:
		c.bytes.Add(-int64(weight))
		c.counts.refused.Add(1)
		return nil, ErrBusy
	}
}

// Run commits until ctx ends. Then it accepts no more operations, commits those
// that it had accepted, and returns.
func (c *Committer[Op, R]) Run(ctx context.Context) {
	var b batch[Op, R]
	for {
		select {
		case r := <-c.queue:
			c.serve(&b, r)
		case <-ctx.Done():
			c.mu.Lock()
			c.closed = true
			c.mu.Unlock()
			for {
				select {
				case r := <-c.queue:
					c.serve(&b, r)
				default:
					return
				}
			}
		}
	}
}

// batch is the working memory of Run: three slices of equal length.
type batch[Op, R any] struct {
	members []*request[Op, R]
	ops     []Op
	out     []Outcome[R]
}

// serve commits a batch that begins with first.
func (c *Committer[Op, R]) serve(b *batch[Op, R], first *request[Op, R]) {
	c.fill(b, first)
	clear(b.out)
	begun := time.Now()
	err := c.commit(b.ops, b.out)
	c.counts.lasted(time.Since(begun))
	c.counts.committed(len(b.ops), err)
	switch {
	case err == nil:
	case len(b.ops) == 1 || errors.Is(err, ErrBusy) || errors.Is(err, ErrUnknown):
		// The machine failed, not one of the operations.
		for i := range b.out {
			b.out[i] = Outcome[R]{Err: err}
		}
	default:
		c.retryAlone(b)
	}
	for i, r := range b.members {
		var zero Op
		r.op = zero
		c.bytes.Add(-int64(r.weight))
		r.done <- b.out[i]
	}
	clear(b.members)
	clear(b.ops)
	clear(b.out)
}

// retryAlone gives every operation of a failed batch its own transaction, so
// that one that cannot be stored does not cause the others to be refused.
func (c *Committer[Op, R]) retryAlone(b *batch[Op, R]) {
	for i := range b.ops {
		b.out[i] = Outcome[R]{}
		err := c.commit(b.ops[i:i+1], b.out[i:i+1])
		c.counts.committed(1, err)
		if err != nil {
			b.out[i] = Outcome[R]{Err: err}
		}
	}
}

// fill takes waiting operations, within the limits of a batch.
func (c *Committer[Op, R]) fill(b *batch[Op, R], first *request[Op, R]) {
	b.members, b.ops = append(b.members[:0], first), b.ops[:0]
	weight := first.weight
	// Submitters that were just answered get the chance to submit again.
	runtime.Gosched()
fill:
	for len(b.members) < c.limits.Batch && (c.limits.BatchBytes == 0 || weight < c.limits.BatchBytes) {
		select {
		case r := <-c.queue:
			b.members = append(b.members, r)
			weight += r.weight
		default:
			break fill
		}
	}
	for _, r := range b.members {
		b.ops = append(b.ops, r.op)
	}
	if cap(b.out) < len(b.ops) {
		b.out = make([]Outcome[R], max(len(b.ops), c.limits.Batch))
	}
	b.out = b.out[:len(b.ops)]
}

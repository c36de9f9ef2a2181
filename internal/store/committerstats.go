package store

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// CommitterStats holds totals since the start, and the present state of the queue.
type CommitterStats struct {
	Depth      int    // operations that are waiting
	Bytes      int64  // bytes that they and the present batch hold
	Commits    uint64 // transactions
	Operations uint64 // operations in them
	Failed     uint64 // transactions rolled back
	Refused    uint64 // operations answered ErrBusy
	// Sizes counts transactions by their number of operations: Sizes[0] counts
	// those of 1, Sizes[i] those of more than 2^(i-1) and up to 2^i, and the
	// last element all larger ones.
	Sizes [sizeBuckets]uint64
	// Took counts transactions, failed ones included, by how long they took: Took[i]
	// those of up to TookWithin(i) that no earlier element counts, and the last
	// element all longer ones. Working is the sum of their times.
	Took    [tookBuckets]uint64
	Working time.Duration
}

const (
	sizeBuckets = 12
	tookBuckets = 17
)

// TookWithin is the longest time that the element of CommitterStats.Took counts:
// 0.25 ms for the first, and twice as much for each further one.
func TookWithin(i int) time.Duration { return shortestTook << i }

const shortestTook = 250 * time.Microsecond

// Stats returns the counters. They are read one after the other, not all at one
// moment.
func (c *Committer[Op, R]) Stats() CommitterStats {
	s := CommitterStats{
		Depth: len(c.queue), Bytes: c.bytes.Load(), Commits: c.counts.commits.Load(),
		Operations: c.counts.operations.Load(), Failed: c.counts.failed.Load(), Refused: c.counts.refused.Load(),
	}
	for i := range s.Sizes {
		s.Sizes[i] = c.counts.sizes[i].Load()
	}
	for i := range s.Took {
		s.Took[i] = c.counts.took[i].Load()
	}
	s.Working = time.Duration(c.counts.working.Load())
	return s
}

// Transactions returns the number of transactions since the start, failed ones
// included. A transaction is counted before those who wait for it learn of its
// outcome.
func (c *Committer[Op, R]) Transactions() uint64 {
	return c.counts.commits.Load() + c.counts.failed.Load()
}

type counters struct {
	commits, operations, failed, refused atomic.Uint64
	sizes                                [sizeBuckets]atomic.Uint64
	took                                 [tookBuckets]atomic.Uint64
	working                              atomic.Int64 // nanoseconds
}

// lasted counts a transaction by its time.
func (c *counters) lasted(t time.Duration) {
	c.working.Add(int64(t))
	c.took[min(bits.Len64(uint64(max(0, t-1)/shortestTook)), tookBuckets-1)].Add(1)
}

func (c *counters) committed(n int, err error) {
	if err != nil {
		c.failed.Add(1)
		return
	}
	c.commits.Add(1)
	c.operations.Add(uint64(n))
	c.sizes[min(bits.Len(uint(n-1)), sizeBuckets-1)].Add(1)
}

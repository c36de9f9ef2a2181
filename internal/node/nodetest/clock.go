package nodetest

import (
	"sync"
	"time"
)

// Clock is the business clock of a server and its callers. It runs, and tests
// move it forward. Safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration // to the real time
}

// NewClock returns a clock that stands at a moment and runs on.
func NewClock(at time.Time) *Clock { return &Clock{offset: time.Until(at)} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Set moves the clock to a moment. It never goes back: positions in a mailbox
// are times, and a service's clock does not run backwards.
func (c *Clock) Set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset := time.Until(to); offset > c.offset {
		c.offset = offset
	}
}

// Jump sets the clock forward or back, as happens to a machine whose clock was
// wrong.
func (c *Clock) Jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

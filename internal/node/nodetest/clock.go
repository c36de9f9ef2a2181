package nodetest

import (
	"sync"
	"time"
)

// Clock is the business clock of a server and its callers. It runs, tests let
// time pass on it, and set it as one sets a clock that is wrong. Safe for
// concurrent use.
type Clock struct {
	begun  time.Time
	mu     sync.Mutex
	passed time.Duration // beside what really has
	wrong  time.Duration // by which it was set
}

// NewClock returns a clock that stands at a moment and runs on.
func NewClock(at time.Time) *Clock {
	c := &Clock{begun: time.Now()}
	c.passed = at.Sub(c.begun)
	return c
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.passed + c.wrong)
}

// Steady is how much time has passed since some moment, whatever the clock was
// set to.
func (c *Clock) Steady() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.begun) + c.passed
}

// Set lets time pass up to a moment. It never goes back: time does not.
func (c *Clock) Set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed = max(c.passed, time.Until(to)-c.wrong)
}

// Jump sets the clock forward or back, as happens to a machine whose clock was
// wrong.
func (c *Clock) Jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong += by
}

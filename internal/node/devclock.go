package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nems/internal/operator"
)

// devClock is the clock of business time in the dev world. Until it is set it is the
// machine's. Then it can be set, stopped and run faster, so that five days pass in a
// moment. Safe for concurrent use.
//
// Everything that happens to events goes by it: acceptance, ages, ends, expiry,
// retention, housekeeping, pages, counts. What is agreed with others goes by the
// machine's clock: callers' tokens, which their own clocks date, certificates, leases
// between nodes, and the memory of used tokens.
type devClock struct {
	machine func() time.Time
	steady  func() time.Duration // the machine's
	file    string               // keeps the setting over a restart
	// follow lets the store notice that the clock went back.
	follow func(context.Context) error

	mu sync.Mutex
	// moved says that the clock is not the machine's. It then showed at when steady
	// was seen, and passed is what its own steady time was.
	moved   bool
	at      time.Time
	seen    time.Duration
	passed  time.Duration
	speed   float64
	changes chan struct{} // closed when it is set
}

// clockFile is the name of the file that keeps the setting in a data folder.
const clockFile = "clock.json"

// keptClock is what the file holds.
type keptClock struct {
	At      time.Time `json:"at"`
	Machine time.Time `json:"machine"` // the machine's clock at that moment
	Speed   float64   `json:"speed"`
}

// newDevClock returns the clock as it was set before the last stop.
func newDevClock(env Environment, folder string) (*devClock, error) {
	c := &devClock{machine: env.Now, steady: env.Steady, file: filepath.Join(folder, clockFile), speed: 1, changes: make(chan struct{})}
	text, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	var kept keptClock
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("the setting of the clock, which can be removed: %s: %w", c.file, err)
	}
	since := max(0, c.machine().Sub(kept.Machine)) // a machine's clock that was put back stops it for a while
	c.moved, c.at, c.seen, c.passed, c.speed = true, kept.At.Add(scaled(since, kept.Speed)), c.steady(), c.steady(), kept.Speed
	return c, nil
}

func scaled(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// read returns what the clock shows, and how much time has passed by it since some
// moment. Both are of one moment, so that a difference means that somebody has set the
// machine's clock.
func (c *devClock) read() (now time.Time, passed time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown()
}

func (c *devClock) shown() (now time.Time, passed time.Duration) {
	if !c.moved {
		return c.machine(), c.steady()
	}
	since := scaled(c.steady()-c.seen, c.speed)
	return c.at.Add(since), c.passed + since
}

// Now is the business time.
func (c *devClock) Now() time.Time {
	now, _ := c.read()
	return now
}

// Show implements operator.Clock.
func (c *devClock) Show() operator.ClockState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state()
}

func (c *devClock) state() operator.ClockState {
	now, _ := c.shown()
	return operator.ClockState{Now: now.UTC(), Machine: c.machine().UTC(), Speed: c.speed, Moved: c.moved}
}

// Set implements operator.Clock. When it returns, the store goes by a clock that went
// back, too.
func (c *devClock) Set(ctx context.Context, s operator.ClockSetting) (operator.ClockState, error) {
	state, back, err := c.set(s)
	if err == nil && back {
		err = c.follow(ctx)
	}
	return state, err
}

func (c *devClock) set(s operator.ClockSetting) (state operator.ClockState, back bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, passed := c.shown()
	to := now
	switch {
	case s.Reset:
		to = c.machine()
	case !s.To.IsZero():
		to = s.To
	}
	if back = to.Before(now); back && !s.Back {
		return c.state(), back, &operator.ClockBackError{Now: now, To: to}
	}
	defer c.announce()
	if s.Reset {
		c.moved, c.speed = false, 1
		if err = os.Remove(c.file); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return c.state(), back, err
	}
	c.moved, c.at, c.seen, c.passed = true, to, c.steady(), passed+to.Sub(now)
	if s.Speed != nil {
		c.speed = *s.Speed
	}
	err = c.keep()
	return c.state(), back, err
}

// announce wakes those who wait for the time.
func (c *devClock) announce() {
	close(c.changes)
	c.changes = make(chan struct{})
}

// keep writes the setting. A torn file is refused at the next start, hence the rename.
func (c *devClock) keep() error {
	text, err := json.Marshal(keptClock{At: c.at.UTC(), Machine: c.machine().UTC(), Speed: c.speed})
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(c.file+".new", c.file)
}

// changed is closed when the clock is set the next time. Without a dev clock it is
// nil: nobody sets it.
func (c *devClock) changed() <-chan struct{} {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// shortest is the shortest pause between two rounds of a task, however fast the clock
// runs or however often it is set.
const shortest = 200 * time.Millisecond

// pause is how much of the machine's time a task waits that is done every so often by
// the business clock. While the clock is slow or stopped, tasks go by the machine's.
func (c *devClock) pause(every time.Duration) time.Duration {
	if c == nil {
		return every
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.speed <= 1 {
		return every
	}
	return max(scaled(every, 1/c.speed), min(shortest, every))
}

// notices tell people that the clock is not the machine's.
func (c *devClock) notices() []string {
	if c == nil {
		return nil
	}
	s := c.Show()
	if !s.Moved {
		return nil
	}
	return []string{"The clock of this development service is not the machine's. It shows " + s.Now.Format("Mon 2 Jan 2006 15:04:05 UTC") + ", and " + s.Pace() + "."}
}

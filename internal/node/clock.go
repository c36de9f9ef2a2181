package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// farApart is the smallest difference of clocks that is reported.
	farApart = time.Minute
	// clockTick is the pause between checks of this machine's clock, and
	// serverTick between checks of the database server's.
	clockTick, serverTick = time.Second, time.Minute
	// settling is how long a jump is doubted before it affects ages.
	settling = 24 * time.Hour
	// noticeLife is how long people are shown a jump.
	noticeLife = 24 * time.Hour
	// mostNotices is how many are shown at a time, so that a clock that keeps jumping does not fill
	// a page.
	mostNotices = 8
)

// clockWatch tells operators when the clock of business time may be wrong: when
// it jumps, when it is behind the store's last commit, and when it differs from
// the database server's. It is safe for concurrent use.
type clockWatch struct {
	// read returns the clock and what runs evenly, whatever the clock is set to, both
	// of one moment.
	read func() (now time.Time, steady time.Duration)
	// machine is the clock that is compared with the database server's.
	machine func() time.Time
	log     *slog.Logger

	jumps        *prometheus.CounterVec
	jump, server prometheus.Gauge

	mu      sync.Mutex
	seen    time.Time     // the clock at the last check
	at      time.Duration // steady at the last check
	moved   time.Duration // by everything except the passing of time
	doubt   time.Duration // by recent jumps that were not put right
	doubted time.Duration // when it last jumped, by steady
	notices []notice
	apart   time.Duration // difference from the database server's clock
}

// notice is something to show to people, with its moment by steady.
type notice struct {
	text string
	at   time.Duration
}

// newClockWatch watches the clock that read reads.
func newClockWatch(read func() (time.Time, time.Duration), machine func() time.Time, log *slog.Logger) *clockWatch {
	now, at := read()
	return &clockWatch{
		read: read, machine: machine, log: log, seen: now.Round(0), at: at,
		jumps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_clock_jumps_total", Help: "Jumps of the clock by more than a minute, forward or backward.",
		}, []string{"direction"}),
		jump: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "nems_clock_last_jump_seconds", Help: "By how much the clock jumped last, negative for backward; 0 without a jump.",
		}),
		server: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "nems_clock_database_apart_seconds", Help: "By how much the database server's clock is ahead of this machine's; 0 with the embedded database.",
		}),
	}
}

func (c *clockWatch) register(registry *prometheus.Registry) {
	registry.MustRegister(c.jumps, c.jump, c.server, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nems_clock_moved_seconds", Help: "By how much the clock was moved since the start in total: about 0 after a jump was put right.",
	}, func() float64 { return c.total().Seconds() }))
	for _, direction := range []string{"forward", "backward"} {
		c.jumps.WithLabelValues(direction) // shown before the first jump
	}
}

func (c *clockWatch) total() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}

// look notices a jump since the last check. A machine that was asleep looks the
// same, because steady does not run then.
func (c *clockWatch) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, at := c.read()
	now = now.Round(0) // without the monotonic reading, which does not jump
	by := now.Sub(c.seen) - (at - c.at)
	c.seen, c.at, c.moved = now, at, c.moved+by
	if at-c.doubted >= settling {
		c.doubt = 0
	}
	if by.Abs() > farApart {
		c.jumped(by)
	}
}

func (c *clockWatch) jumped(by time.Duration) {
	c.doubt, c.doubted = c.doubt+by, c.at
	if c.doubt.Abs() <= farApart {
		c.doubt = 0 // it was put right
	}
	direction := "forward"
	if by < 0 {
		direction = "backward"
	}
	c.jumps.WithLabelValues(direction).Inc()
	c.jump.Set(by.Seconds())
	by, moved := by.Round(time.Second), c.moved.Round(time.Second)
	c.log.Warn("the clock jumped", "by", by, "moved", moved)
	c.notify("The clock jumped %s by %s, to %s; since the start it was moved by %s in all.", direction, by.Abs(), c.seen.UTC().Format(time.RFC3339), moved)
}

// Settled returns the moment by which things expire, such as messages that nobody
// collects. It is the present time, unless the clock jumped forward recently or is
// ahead of the database server's. Then it continues as if it had not, so that
// nothing expires because of a clock that is put right within a day.
func (c *clockWatch) Settled() time.Time {
	c.look() // notices a jump since the last check
	c.mu.Lock()
	defer c.mu.Unlock()
	doubt := max(c.doubt, 0)
	if c.apart < -farApart {
		doubt = max(doubt, -c.apart)
	}
	return c.seen.Add(-doubt)
}

func (c *clockWatch) notify(format string, a ...any) {
	c.notices = append(c.notices, notice{fmt.Sprintf(format, a...), c.at})
	c.notices = c.notices[max(0, len(c.notices)-mostNotices):]
}

// committed compares the clock with the store's last commit. If the last commit is
// later, then either the clock was ahead when it was made, or it is behind now.
func (c *clockWatch) committed(last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, _ := c.read()
	if err := behind(now, last); err != nil {
		c.log.Warn("the clock is behind the store", "last_commit", last.UTC(), "by", last.Sub(now).Round(time.Second))
		c.notify("At the start, %s.", err)
	}
}

// behind returns an error if the clock has not reached the last commit of a store.
func behind(now, last time.Time) error {
	by := last.Sub(now)
	if by <= farApart {
		return nil
	}
	return fmt.Errorf("this machine's clock is %s behind the last commit, of %s: it is wrong now, or another clock was wrong then", by.Round(time.Second), last.UTC().Format(time.RFC3339))
}

// compared compares the clock with the database server's.
func (c *clockWatch) compared(server time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.apart
	c.apart = server.Sub(c.machine())
	c.server.Set(c.apart.Seconds())
	switch far := c.apart.Abs() > farApart; {
	case far && was.Abs() <= farApart:
		c.log.Warn("the clock and the database server's differ", "server_ahead", c.apart.Round(time.Second))
	case !far && was.Abs() > farApart:
		c.log.Info("the clock and the database server's agree again")
	}
}

// Notices returns what people should know about the clock, oldest first.
func (c *clockWatch) Notices() (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, steady := c.read()
	for _, n := range c.notices {
		if steady-n.at < noticeLife {
			out = append(out, n.text)
		}
	}
	if c.apart.Abs() > farApart {
		out = append(out, fmt.Sprintf("This machine's clock and the database server's differ by %s.", c.apart.Abs().Round(time.Second)))
	}
	return out
}

// startClock starts the clock of business time and its watch.
func (n *node) startClock() (err error) {
	if err := os.MkdirAll(n.Data, 0o750); err != nil {
		return err
	}
	read := func() (time.Time, time.Duration) { return n.machine(), n.lasting() }
	if n.Dev {
		if n.dev, err = newDevClock(n.Environment, n.Data); err != nil {
			return err
		}
		read, n.Now, n.dev.follow = n.dev.read, n.dev.Now, n.followClock
		if s := n.dev.Show(); s.Moved {
			n.Log.Warn("the clock is not the machine's: nems clock reset makes it so again", "shows", s.Now.Format(time.RFC3339), "speed", s.Speed)
		}
	}
	n.clock = newClockWatch(read, n.machine, n.Log)
	return nil
}

// followClock lets the store notice at once that the clock went back: positions go on
// rising from here, and their moments are the clock's (store.Moments).
func (n *node) followClock(ctx context.Context) error { return n.db.Housekeep(ctx) }

// lastCommit compares the clock with the last commit, before the node commits
// anything itself.
func (n *node) lastCommit(ctx context.Context) error {
	last, err := n.db.LastCommit(ctx)
	if err == nil {
		n.clock.committed(last)
	}
	return err
}

// watchClock checks the clock until the context ends.
func (n *node) watchClock(ctx context.Context) error {
	look, compare := time.NewTicker(clockTick), time.NewTicker(serverTick)
	defer look.Stop()
	defer compare.Stop()
	n.compareClocks(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			n.clock.look()
		case <-compare.C:
			n.compareClocks(ctx)
		}
	}
}

// compareClocks asks the database server for its time, if there is one.
func (n *node) compareClocks(ctx context.Context) {
	server, ok := n.db.(interface {
		Clock(ctx context.Context) (time.Time, error)
	})
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, scrapeWait)
	defer cancel()
	if at, err := server.Clock(ctx); err == nil { // a database that cannot be reached is reported elsewhere
		n.clock.compared(at)
	}
}

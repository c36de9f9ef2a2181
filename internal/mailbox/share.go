package mailbox

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"nems/internal/mesh"
)

// Share is what one mailbox may have at a time of what belongs to all, so that
// its callers, however many, do not keep others waiting. Zero means the default.
type Share struct {
	// Reading is how many requests of a mailbox that read are worked on at a time:
	// more than keep the processors busy would gain nothing.
	Reading int // default twice the processors, at least 4
	// Slow is the same for those that wait for the disk, and again for those that
	// wait for the network.
	Slow int // default 16
	// Waiting is how many more of each kind stand in line, first come first
	// served; beyond: mesh.Crowded.
	Waiting int // default 512
	// Patience is how long one stands in line; then: mesh.Crowded.
	Patience time.Duration // default 20 s
}

func (s Share) orDefault() Share {
	return Share{cmp.Or(s.Reading, max(4, 2*runtime.GOMAXPROCS(0))), cmp.Or(s.Slow, 16), cmp.Or(s.Waiting, 512), cmp.Or(s.Patience, 20*time.Second)}
}

// kind of work, each with a line of its own: a client on a slow network that
// downloads much can still list and acknowledge.
type kind byte

const (
	read     kind = iota
	change        // is as slow as the disk
	transfer      // of a body: as slow as the network
	scan          // of many rows: one at a time
)

// places is how many requests of a kind are worked on at a time.
func (s Share) places(k kind) int {
	switch k {
	case read:
		return s.Reading
	case scan:
		return 1
	}
	return s.Slow
}

// user is whose share it is: a mailbox or, where no token is needed, the holder
// of a certificate.
type user struct {
	mailbox     int64
	certificate string
	kind        kind
}

// shares enforces a Share. Safe for concurrent use.
type shares struct {
	Share
	// scans is for those of all mailboxes: they take half of the processors at
	// most.
	scans *semaphore.Weighted

	mu    sync.Mutex
	lines map[user]*line // of those who are here
}

// line is the requests of one user.
type line struct {
	here   int // that are worked on or wait; guarded by shares.mu
	places *semaphore.Weighted
}

func newShares(s Share) *shares {
	return &shares{Share: s.orDefault(), lines: map[user]*line{}, scans: semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))}
}

// enter waits for a place, as long as ctx lives; leave must follow when it is had.
func (s *shares) enter(ctx context.Context, u user) (leave func(), err error) {
	l, ok := s.join(u)
	if !ok {
		return nil, mesh.Crowded
	}
	leave = func() {
		l.places.Release(1)
		s.part(u, l)
	}
	if l.places.TryAcquire(1) { // unless others wait
		return leave, nil
	}
	patient, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	if l.places.Acquire(patient, 1) == nil {
		return leave, nil
	}
	s.part(u, l)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, mesh.Crowded
}

func (s *shares) join(u user) (*line, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[u]
	if l == nil {
		l = &line{places: semaphore.NewWeighted(int64(s.places(u.kind)))}
		s.lines[u] = l
	}
	if l.here >= s.places(u.kind)+s.Waiting {
		return nil, false
	}
	l.here++
	return l, true
}

func (s *shares) part(u user, l *line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.here--; l.here == 0 {
		delete(s.lines, u)
	}
}

// takePlace waits for the call's place among those of its mailbox.
func (c *call) takePlace(e endpoint) (leave func(), err error) {
	u := user{mailbox: c.asked.Row, kind: e.kind}
	if e.open && c.Certificate != nil {
		u.certificate = c.Certificate(c.r)
	}
	return c.enter(u)
}

func (c *call) enter(u user) (leave func(), err error) {
	leave, err = c.shares.enter(c.r.Context(), u)
	if errors.Is(err, mesh.Crowded) {
		c.turnAway(Crowded)
	}
	return leave, err
}

// reads does what reads many rows: of each mailbox one at a time, and few of all.
// Others come between, so that it should take milliseconds; what takes longer is
// done in slices.
func (c *call) reads(f func(ctx context.Context) error) error {
	leave, err := c.enter(user{mailbox: c.box.Row, kind: scan})
	if err != nil {
		return err
	}
	defer leave()
	ctx := c.r.Context()
	if err := c.shares.scans.Acquire(ctx, 1); err != nil {
		return err
	}
	defer c.shares.scans.Release(1)
	return f(ctx)
}

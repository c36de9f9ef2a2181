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

// Share is how many requests one mailbox may have at a time, so that its
// callers, however many, do not delay others. Zero means the default.
type Share struct {
	// Reading is how many reading requests of a mailbox are in progress at a time.
	// More than keep the processors busy would gain nothing.
	Reading int // default twice the processors, at least 4
	// Slow is the same for requests that wait for the disk, and separately for
	// those that wait for the network.
	Slow int // default 16
	// Waiting is how many more requests of each kind may wait, first come first
	// served. Further ones get mesh.Crowded.
	Waiting int // default 512
	// Patience is how long a request waits before it gets mesh.Crowded.
	Patience time.Duration // default 20 s
}

func (s Share) orDefault() Share {
	return Share{cmp.Or(s.Reading, max(4, 2*runtime.GOMAXPROCS(0))), cmp.Or(s.Slow, 16), cmp.Or(s.Waiting, 512), cmp.Or(s.Patience, 20*time.Second)}
}

// kind is a kind of work. Each kind has a queue of its own, so that a client on
// a slow network that downloads much can still list and acknowledge.
type kind byte

const (
	read     kind = iota
	change        // as slow as the disk
	transfer      // of a body; as slow as the network
	scan          // reads many rows; one at a time
)

// places returns how many requests of a kind may be in progress at a time.
func (s Share) places(k kind) int {
	switch k {
	case read:
		return s.Reading
	case scan:
		return 1
	}
	return s.Slow
}

// user identifies whose share is used: a mailbox or, where no token is needed,
// the holder of a certificate.
type user struct {
	mailbox     int64
	certificate string
	kind        kind
}

// shares enforces a Share. Safe for concurrent use.
type shares struct {
	Share
	// scans limits scans across all mailboxes: they use at most half of the
	// processors.
	scans *semaphore.Weighted

	mu    sync.Mutex
	lines map[user]*line // of the users with requests in progress or waiting
}

// line holds the requests of one user.
type line struct {
	here   int // in progress or waiting; guarded by shares.mu
	places *semaphore.Weighted
}

func newShares(s Share) *shares {
	return &shares{Share: s.orDefault(), lines: map[user]*line{}, scans: semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))}
}

// enter waits for a place until ctx ends. If it succeeds, the caller must call leave.
func (s *shares) enter(ctx context.Context, u user) (leave func(), err error) {
	l, ok := s.join(u)
	if !ok {
		return nil, mesh.Crowded
	}
	leave = func() {
		l.places.Release(1)
		s.part(u, l)
	}
	if l.places.TryAcquire(1) { // fails if others wait
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

// reads runs a function that reads many rows: one at a time for each mailbox, and
// few at a time in total. Others wait for it, so f should take milliseconds;
// longer work is done in slices.
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

package webhook

import (
	"sync"

	"nems/internal/nhs"
	"nems/internal/store"
)

const (
	// calling is how many endpoints are called at once when no copy does, and callingEach
	// how many of one organisation: some may be slow, which is to cost nobody else.
	calling, callingEach = 256, 4
	// queued is how many more of an organisation wait for their handshake, and for their
	// heartbeat. What does not fit is found again at the next look.
	queued = 256
)

// calls are made at once, a few of each organisation. Safe for concurrent use.
type calls struct {
	slots chan struct{} // one for each that is made
	busy  sync.WaitGroup

	mu    sync.Mutex
	known map[int64]bool // rows of the endpoints that are called, or wait for that
	of    map[nhs.ODSCode]*queue
}

// queue is what one organisation waits for.
type queue struct {
	handshakes, heartbeats []waitingCall
	callers                int
}

type waitingCall struct {
	row  int64
	make func()
}

func newCalls() *calls {
	return &calls{slots: make(chan struct{}, calling), known: map[int64]bool{}, of: map[nhs.ODSCode]*queue{}}
}

// add has an endpoint called, unless it is already, or too many wait. It does not wait.
func (c *calls) add(to store.Mailbox, handshake bool, call func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.of[to.ODS]
	if q == nil {
		q = &queue{}
		c.of[to.ODS] = q
	}
	line := &q.heartbeats
	if handshake {
		line = &q.handshakes
	}
	if c.known[to.Row] || len(*line) >= queued {
		return
	}
	c.known[to.Row] = true
	*line = append(*line, waitingCall{to.Row, call})
	if q.callers < callingEach {
		q.callers++
		c.busy.Go(func() { c.work(to.ODS, q) })
	}
}

// work makes the calls of an organisation until none waits.
func (c *calls) work(ods nhs.ODSCode, q *queue) {
	for {
		next, found := c.next(ods, q)
		if !found {
			return
		}
		c.slots <- struct{}{}
		next.make()
		<-c.slots
		c.mu.Lock()
		delete(c.known, next.row)
		c.mu.Unlock()
	}
}

// next takes the call that is made next: handshakes first, because somebody waits for
// them. Without one a caller of the organisation ends.
func (c *calls) next(ods nhs.ODSCode, q *queue) (waitingCall, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range []*[]waitingCall{&q.handshakes, &q.heartbeats} {
		if len(*line) > 0 {
			first := (*line)[0]
			*line = (*line)[1:]
			return first, true
		}
	}
	if q.callers--; q.callers == 0 {
		delete(c.of, ods)
	}
	return waitingCall{}, false
}

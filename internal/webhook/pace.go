package webhook

import (
	"sync"
	"time"
)

// mostHeld is how long a copy waits here for its turn at a receiver that has limited how
// many it takes a minute. A longer wait is its lane's, which blocks no other.
const mostHeld = 2 * time.Second

// pace knows from when on receivers take another request. What another node has sent
// it does not know: the first request after a lane has changed hands may be early.
type pace struct {
	mu   sync.Mutex
	next map[int64]time.Time // by row of the endpoint
}

// turn returns how long a request has to wait. Up to mostHeld it has taken its turn.
func (p *pace) turn(row int64, rate int, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.next[row]
	if at.Before(now) {
		at = now
	}
	wait := at.Sub(now)
	if wait <= mostHeld {
		p.next[row] = at.Add(time.Minute / time.Duration(rate))
	}
	return wait
}

package api

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"nems/internal/nhs"
	"nems/internal/refuse"
)

// Limits prevent one caller from taking what belongs to all, and all callers
// together from taking more than there is. Zero turns off Rate and Concurrent,
// and means the default of the others.
type Limits struct {
	// Rate is how many requests a second one system may make on average. As
	// many may come at once. A batch counts as one.
	Rate float64
	// Concurrent is how many requests of one system are served at a time.
	Concurrent int
	// InFlight is how many requests are accepted at a time, from all callers
	// together; requests whose bodies are still arriving do not count. Bytes is
	// how much their bodies may hold. Beyond either limit a request is refused
	// with 503 at once. The bodies of one system may hold a quarter of Bytes.
	InFlight int   // default 512
	Bytes    int64 // bytes that have arrived; default 256 MiB
	// Working is how many requests whose body has arrived are worked on at a
	// time; the others wait. It keeps the processors free to refuse quickly.
	Working int // default 256
	// Memory is how much memory reading those bodies may take in addition.
	// Large bodies wait for it.
	Memory int64 // default 96 MiB
}

// A body takes up to readingFactor times its size in memory while it is read,
// judged and compressed. Bodies up to smallBody are not counted: there is room
// for as many as are worked on.
const (
	readingFactor = 6
	smallBody     = 64 << 10
)

// bodyShare limits one system to this fraction of Limits.Bytes, so that a
// system that slowly sends many large bodies takes no room from others.
const bodyShare = 4

// Limits on the header of a request. The listener itself cuts off headers twice
// as large, without an OperationOutcome.
const (
	maxHeaderBytes = 16 << 10
	maxHeaderLines = 100
)

// maxShares is how many systems are tracked separately. Only registered systems
// get this far, so the number matters only for a very large registry.
const maxShares = 4096

// retryBusy is when to try again after the service, or the system's share, was busy.
const retryBusy = time.Second

// fairness enforces Limits. Safe for concurrent use.
type fairness struct {
	Limits
	inFlight, bytes atomic.Int64
	places          chan struct{} // one element for each request being worked on
	memory          *semaphore.Weighted

	mu     sync.Mutex
	shares map[nhs.ASID]*share
	others share // used by systems beyond maxShares
}

// share is what one system is using.
type share struct {
	bucket  *rate.Limiter // guarded by fairness.mu, like running
	running int
	held    atomic.Int64 // bytes of bodies
}

func newFairness(l Limits) *fairness {
	if l.InFlight == 0 {
		l.InFlight = 512
	}
	if l.Bytes == 0 {
		l.Bytes = 256 << 20
	}
	if l.Working == 0 {
		l.Working = 256
	}
	if l.Memory == 0 {
		l.Memory = 96 << 20
	}
	f := &fairness{
		Limits: l, shares: map[nhs.ASID]*share{},
		places: make(chan struct{}, l.Working), memory: semaphore.NewWeighted(l.Memory),
	}
	f.others.bucket = f.newBucket()
	return f
}

func (f *fairness) newBucket() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(f.Rate), max(1, int(f.Rate)))
}

// Limit changes what one system may take, Rate and Concurrent, from now on.
func (a *API) Limit(l Limits) {
	f := a.fair
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Rate, f.Concurrent = l.Rate, l.Concurrent
	now := a.Now()
	for _, s := range f.shares {
		f.refit(s, now)
	}
	f.refit(&f.others, now)
}

// refit gives a system's bucket the limits as they are now.
func (f *fairness) refit(s *share, now time.Time) {
	s.bucket.SetLimitAt(now, rate.Limit(f.Rate))
	s.bucket.SetBurstAt(now, max(1, int(f.Rate)))
}

// enter admits a request, whoever sends it, or refuses it at once. leave must
// follow either way.
func (f *fairness) enter() *refuse.Refusal {
	if f.inFlight.Add(1) > int64(f.InFlight) {
		return refuse.Unavailable(retryBusy)
	}
	return nil
}

func (f *fairness) leave() { f.inFlight.Add(-1) }

// work waits until ctx ends for a place among the requests being worked on, and
// for the memory that reading a body of this size takes. If it succeeds, rest
// must follow.
func (f *fairness) work(ctx context.Context, bytes int) *refuse.Refusal {
	reading := f.reading(bytes)
	if reading > 0 && f.memory.Acquire(ctx, reading) != nil { // no small body waits behind others
		return refuse.Unavailable(retryBusy)
	}
	select {
	case f.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		f.memory.Release(reading)
		return refuse.Unavailable(retryBusy)
	}
}

func (f *fairness) rest(bytes int) {
	<-f.places
	f.memory.Release(f.reading(bytes))
}

// reading returns how much memory reading a body takes in addition to the body,
// as far as that is counted. It is never more than the total.
func (f *fairness) reading(bytes int) int64 {
	if bytes <= smallBody {
		return 0
	}
	return min(readingFactor*int64(bytes), f.Memory)
}

// hold reserves memory for a body of a system, or refuses. If it does not
// refuse, drop must follow.
func (f *fairness) hold(s *share, bytes int64) *refuse.Refusal {
	if s.held.Add(bytes) > f.Bytes/bodyShare {
		s.held.Add(-bytes)
		return refuse.TooManyRequests(retryBusy)
	}
	if f.bytes.Add(bytes) > f.Bytes {
		f.drop(s, bytes)
		return refuse.Unavailable(retryBusy)
	}
	return nil
}

func (f *fairness) drop(s *share, bytes int64) {
	s.held.Add(-bytes)
	f.bytes.Add(-bytes)
}

// admit takes a request out of a system's allowance, or refuses it and says
// when to try again. If it does not refuse, done must follow.
func (f *fairness) admit(asid nhs.ASID, now time.Time) (*share, *refuse.Refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.share(asid, now)
	if f.Concurrent > 0 && s.running >= f.Concurrent {
		return nil, refuse.TooManyRequests(retryBusy)
	}
	if f.Rate > 0 {
		turn := s.bucket.ReserveN(now, 1)
		if wait := turn.DelayFrom(now); wait > 0 {
			turn.CancelAt(now)
			return nil, refuse.TooManyRequests(wait)
		}
	}
	s.running++
	return s, nil
}

func (f *fairness) done(s *share) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.running--
}

// share returns what a system is using. If there are too many systems, those
// that use nothing are forgotten, because a full bucket equals a new one.
func (f *fairness) share(asid nhs.ASID, now time.Time) *share {
	if s := f.shares[asid]; s != nil {
		return s
	}
	if len(f.shares) >= maxShares {
		for other, s := range f.shares {
			if s.running == 0 && s.bucket.TokensAt(now) >= float64(s.bucket.Burst()) {
				delete(f.shares, other)
			}
		}
	}
	if len(f.shares) >= maxShares {
		return &f.others
	}
	s := &share{bucket: f.newBucket()}
	f.shares[asid] = s
	return s
}

// checkHead refuses a header larger than any client of a NEMS needs.
func checkHead(h http.Header) *refuse.Refusal {
	lines, bytes := 0, 0
	for name, values := range h {
		for _, value := range values {
			lines++
			bytes += len(name) + len(value)
		}
	}
	if lines <= maxHeaderLines && bytes <= maxHeaderBytes {
		return nil
	}
	refusal := refuse.BadRequest("the headers of the request are too many or too long: at most 100 lines and 16 KiB are read")
	refusal.Status = http.StatusRequestHeaderFieldsTooLarge
	return refusal
}

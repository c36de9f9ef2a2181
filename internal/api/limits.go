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

// Limits keep one caller from taking what belongs to all, and all of them from
// taking more than there is. Zero turns off Rate and Concurrent, and means the
// default of the others.
type Limits struct {
	// Rate is how many requests a second one system may make on average; as
	// many may come at once. A batch counts as one.
	Rate float64
	// Concurrent is how many requests of one system are served at a time.
	Concurrent int
	// InFlight is how many requests are taken in at a time, whoever sends them,
	// but for those whose bodies are on their way, and Bytes how much bodies may
	// hold; beyond: 503 at once. The bodies of one system may hold a quarter.
	InFlight int   // default 512
	Bytes    int64 // of what has arrived; default 256 MiB
	// Working is how many of those whose body has come in are worked on at a
	// time; the others wait. It keeps the processors free to refuse quickly.
	Working int // default 256
	// Memory is how much reading those bodies may take beside them; large ones
	// wait for it.
	Memory int64 // default 96 MiB
}

// A body takes up to readingFactor times its size in memory while it is read,
// judged and packed. Those up to smallBody are not counted: there is room for
// as many as are worked on.
const (
	readingFactor = 6
	smallBody     = 64 << 10
)

// bodyShare is the part of Limits.Bytes that is one system's at most: who sends
// many large bodies slowly takes none of the room from others.
const bodyShare = 4

// Bounds of a request's head. The listener cuts off heads twice as large
// itself, without an OperationOutcome.
const (
	maxHeaderBytes = 16 << 10
	maxHeaderLines = 100
)

// maxShares is how many systems are told apart. Only registered systems get
// that far, so that the number matters to nobody but a very large registry.
const maxShares = 4096

// retryBusy is when to come back to a service, or a system, that is busy.
const retryBusy = time.Second

// fairness enforces Limits. Safe for concurrent use.
type fairness struct {
	Limits
	inFlight, bytes atomic.Int64
	places          chan struct{} // one element for each request that is worked on
	memory          *semaphore.Weighted

	mu     sync.Mutex
	shares map[nhs.ASID]*share
	others share // of systems beyond maxShares
}

// share is what one system uses.
type share struct {
	bucket  *rate.Limiter // guarded by fairness.mu, as running is
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

// enter lets a request in, whoever sends it, or refuses it at once; leave must
// follow either way.
func (f *fairness) enter() *refuse.Refusal {
	if f.inFlight.Add(1) > int64(f.InFlight) {
		return refuse.Unavailable(retryBusy)
	}
	return nil
}

func (f *fairness) leave() { f.inFlight.Add(-1) }

// work waits for a place among those that are worked on, and for the memory that
// a body of so many bytes takes, as long as ctx lives; rest must follow when both
// are had.
func (f *fairness) work(ctx context.Context, bytes int) *refuse.Refusal {
	reading := f.reading(bytes)
	if reading > 0 && f.memory.Acquire(ctx, reading) != nil { // nothing would wait behind others
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

// reading is how much memory a body takes beside itself, as far as that is
// counted: never more than there is.
func (f *fairness) reading(bytes int) int64 {
	if bytes <= smallBody {
		return 0
	}
	return min(readingFactor*int64(bytes), f.Memory)
}

// hold reserves memory for a body of a system, or refuses; drop must follow when
// it does not.
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
// when to come back. When it let the request pass, done must follow.
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

// share finds what a system uses. Those that use nothing are forgotten when
// there are too many: a full bucket is as good as a new one.
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

// checkHead refuses a head that no client of a NEMS needs.
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

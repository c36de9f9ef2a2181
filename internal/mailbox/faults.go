package mailbox

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/store"
)

// Faults makes a Server fail like networks and busy services do, so that
// clients can be tested against it. Rates go from 0 to 1. The same seed with
// the same sequence of requests gives the same faults.
type Faults struct {
	Seed uint64
	// Latency delays every answer. Jitter adds a random delay of up to Jitter.
	Latency, Jitter time.Duration
	// ErrorRate is the share of requests that are refused with one of Errors
	// (HTTP statuses; none means 503) and change nothing.
	ErrorRate float64
	Errors    []int
	// DropRate is the share of requests that get no answer: the connection
	// ends, half of the time before anything was done, half of the time after
	// it.
	DropRate float64
	// DuplicateRate is the share of sent messages that arrive twice, with two ids.
	DuplicateRate float64
	// DisorderRate is the share of inbox pages that are shuffled.
	DisorderRate float64
}

// faulter draws random faults. Safe for concurrent use.
type faulter struct {
	Faults
	mu   sync.Mutex
	dice *rand.Rand
}

func newFaulter(f Faults) *faulter {
	return &faulter{Faults: f, dice: rand.New(rand.NewPCG(f.Seed, f.Seed))}
}

func (f *faulter) happens(rate float64) bool {
	if rate <= 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dice.Float64() < rate
}

func (f *faulter) pick(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dice.IntN(n)
}

// wrap disturbs the API, except the endpoints of /admin/.
func (f *faulter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/admin/") || strings.HasPrefix(r.URL.Path, "/messageexchange/admin/") {
			next.ServeHTTP(w, r)
			return
		}
		if !f.wait(r.Context()) {
			return
		}
		switch {
		case f.happens(f.ErrorRate):
			f.refuse(w, r)
		case f.happens(f.DropRate):
			if f.happens(0.5) {
				next.ServeHTTP(nowhere{http.Header{}}, r)
			}
			panic(http.ErrAbortHandler) // ends the connection without an answer
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// wait returns false if the client gave up first.
func (f *faulter) wait(ctx context.Context) bool {
	delay := f.Latency
	if f.Jitter > 0 {
		delay += time.Duration(f.pick(int(f.Jitter)))
	}
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *faulter) refuse(w http.ResponseWriter, r *http.Request) {
	e := &mesh.Error{Status: http.StatusServiceUnavailable, Description: "a fault was asked for"}
	if len(f.Errors) > 0 {
		e.Status = f.Errors[f.pick(len(f.Errors))]
	}
	version, err := mesh.AcceptedVersion(r.Header.Get("Accept"))
	if err != nil {
		version = mesh.V1
	}
	w.Header().Set("Content-Type", version.MediaType())
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body(version, ""))
}

// disorder shuffles a copy of some pages. The store may have returned the same
// page to others too.
func (f *faulter) disorder(page []store.Listed) []store.Listed {
	if !f.happens(f.DisorderRate) {
		return page
	}
	page = slices.Clone(page)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dice.Shuffle(len(page), func(i, j int) { page[i], page[j] = page[j], page[i] })
	return page
}

// nowhere receives an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// boxes sends some of the messages twice.
func (f *faulter) boxes(b Boxes) Boxes { return doubling{b, f} }

type doubling struct {
	Boxes
	faults *faulter
}

// Send stores a small message in one chunk a second time, under a new position.
func (d doubling) Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error {
	if err := d.Boxes.Send(ctx, m, first, e); err != nil {
		return err
	}
	if first == nil || m.Status != store.Waiting || !d.faults.happens(d.faults.DuplicateRate) {
		return nil
	}
	m.Position = d.NextPosition()
	return d.Boxes.Send(ctx, m, first, nil)
}

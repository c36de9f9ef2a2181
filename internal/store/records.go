package store

import (
	"context"
	"sync"
	"time"

	"nems/internal/audit"
)

// maxRecords limits the entries that wait for a commit. So many reads within
// half a second are beyond what the rest of the service can answer.
const maxRecords = 16384

// Records are audit entries that tell of no change: they join the next commit.
// The zero value is empty. Safe for concurrent use.
type Records struct {
	mu      sync.Mutex
	waiting []audit.Sealed
	lost    int // entries that found no room, to be recorded as one
}

// Add has an entry wait for a commit. Beyond a limit only their number is kept.
func (r *Records) Add(e audit.Entry) {
	sealed := audit.Seal(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= maxRecords {
		r.lost++
		return
	}
	r.waiting = append(r.waiting, sealed)
}

// Take returns what waits, for a commit to take along.
func (r *Records) Take() []audit.Sealed {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.waiting
	r.waiting = nil
	return out
}

// PutBack puts entries before those that wait, limit or not: their commit failed.
func (r *Records) PutBack(entries []audit.Sealed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(entries, r.waiting...)
}

// Follow sees to it that entries do not wait for a commit for ever: it calls
// flush, which is to commit what waits, whenever something does, every so often
// and when ctx ends.
func (r *Records) Follow(ctx context.Context, every time.Duration, now func() time.Time, flush func(context.Context)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if r.due(now()) {
				flush(ctx)
			}
		case <-ctx.Done():
			if r.due(now()) {
				flush(context.WithoutCancel(ctx))
			}
			return
		}
	}
}

// due tells whether entries wait, among them one for those that found no room.
func (r *Records) due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost > 0 {
		r.waiting = append(r.waiting, audit.Seal(audit.Entry{At: now, Action: "audit-overflow", Count: r.lost}))
		r.lost = 0
	}
	return len(r.waiting) > 0
}

package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"nems/internal/audit"
)

// maxRecords limits the entries that wait for a commit. A quarter of it is
// reserved for requests that are under way when Room is no longer available. When
// a quarter is waiting, a commit is due at once.
const (
	maxRecords  = 16384
	roomRecords = maxRecords / 4 * 3
	dueRecords  = maxRecords / 4
	// shareRecords is the limit for one mailbox, so that its callers leave room for the others.
	shareRecords = roomRecords / 2
)

// Records are audit entries that do not belong to a change; they join the next
// commit. The zero value is empty. It is safe for concurrent use.
type Records struct {
	mu      sync.Mutex
	waiting []audit.Sealed
	of      map[string]int // how many came since the last Take, by mailbox
	lost    int            // entries that found no room, to be recorded as one
	many    chan struct{}  // so many wait that a commit is due
}

// Add adds an entry to those that wait for a commit. Beyond a limit only the number of further
// entries is kept.
func (r *Records) Add(e audit.Entry) {
	sealed := audit.Seal(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= maxRecords {
		r.lost++
		return
	}
	r.waiting = append(r.waiting, sealed)
	if r.of == nil {
		r.of = map[string]int{}
	}
	r.of[e.Mailbox]++
	if len(r.waiting)%dueRecords == 0 {
		select {
		case r.muchWaits() <- struct{}{}:
		default: // a commit has been requested already
		}
	}
}

// Room returns ErrBusy while so many entries wait that those of further callers
// of a mailbox might find no room. Then the commits have stopped or are too slow,
// or the mailbox has had its share.
func (r *Records) Room(mailbox string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= roomRecords || mailbox != "" && r.of[mailbox] >= shareRecords {
		return fmt.Errorf("%w: the audit has no room", ErrBusy)
	}
	return nil
}

// Waiting returns how many entries wait for a commit.
func (r *Records) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting)
}

// Take returns the waiting entries, for a commit to include.
func (r *Records) Take() []audit.Sealed {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.waiting
	r.waiting, r.of = nil, nil
	return out
}

// PutBack puts entries whose commit failed before those that wait, even beyond the limit.
func (r *Records) PutBack(entries []audit.Sealed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(entries, r.waiting...)
}

// Follow makes sure that entries do not wait for ever. While entries wait it
// calls flush, which commits them: at regular intervals, at once when there are
// many, and when ctx ends.
func (r *Records) Follow(ctx context.Context, every time.Duration, now func() time.Time, flush func(context.Context)) {
	tick, many := time.NewTicker(every), r.follow()
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if r.due(now()) {
				flush(ctx)
			}
		case <-many:
			flush(ctx)
		case <-ctx.Done():
			if r.due(now()) {
				flush(context.WithoutCancel(ctx))
			}
			return
		}
	}
}

// muchWaits returns the channel that tells Follow to commit at once, also because of entries that
// came before it began.
func (r *Records) muchWaits() chan struct{} {
	if r.many == nil {
		r.many = make(chan struct{}, 1)
	}
	return r.many
}

func (r *Records) follow() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.muchWaits()
}

// due reports whether entries wait. It adds an entry for those that found no room.
func (r *Records) due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost > 0 {
		r.waiting = append(r.waiting, audit.Seal(audit.Entry{At: now, Action: audit.ActionAuditOverflow, Count: r.lost}))
		r.lost = 0
	}
	return len(r.waiting) > 0
}

package postgres

import (
	"context"
	"sync"
	"time"

	"nems/internal/audit"
)

// maxRecords limits the entries that wait for a commit. So many reads within
// half a second are beyond what the rest of the service can answer.
const maxRecords = 16384

// records are audit entries that tell of no change: they join the next commit.
type records struct {
	mu      sync.Mutex
	waiting []audit.Sealed
	lost    int // entries that found no room, to be recorded as one
}

// Record notes an entry of something that changed nothing: a read, a refusal.
// It never waits: the entry joins the next commit, at the latest after
// Options.AuditDelay. Of entries beyond a limit only the number is recorded.
func (db *DB) Record(e audit.Entry) {
	sealed := seal(e)
	db.records.mu.Lock()
	defer db.records.mu.Unlock()
	if len(db.records.waiting) >= maxRecords {
		db.records.lost++
		return
	}
	db.records.waiting = append(db.records.waiting, sealed)
}
func (r *records) take() []audit.Sealed {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.waiting
	r.waiting = nil
	return out
}

// putBack puts entries before those that wait, limit or not: a commit of theirs
// failed, or they tell of others.
func (r *records) putBack(entries []audit.Sealed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(entries, r.waiting...)
}

// overflow returns how many entries found no room since it was last asked.
func (r *records) overflow() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.lost
	r.lost = 0
	return n
}

func (r *records) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) == 0
}

// recordLoop sees to it that entries do not wait for a commit for ever.
func (db *DB) recordLoop(ctx context.Context) {
	tick := time.NewTicker(db.opts.AuditDelay)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			db.flushRecords(ctx)
		case <-ctx.Done():
			db.flushRecords(context.WithoutCancel(ctx))
			return
		}
	}
}

func (db *DB) flushRecords(ctx context.Context) {
	if n := db.records.overflow(); n > 0 {
		db.records.putBack([]audit.Sealed{seal(audit.Entry{At: db.opts.Now(), Action: "audit-overflow", Count: n})})
	}
	if db.records.empty() {
		return
	}
	if _, err := db.submit(ctx, recordOnly{}); err != nil {
		db.opts.Log.Warn("audit entries wait", "error", err)
	}
}

// recordOnly is the operation that changes nothing: its commit takes along the
// audit entries that wait.
type recordOnly struct{}

func (recordOnly) apply(context.Context, *writer) (result, error) { return result{}, nil }

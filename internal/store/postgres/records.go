package postgres

import (
	"context"

	"nems/internal/audit"
)

// Record notes an entry of something that changed nothing: a read, a refusal.
// It never waits: the entry joins the next commit, at the latest after
// Options.AuditDelay. Of entries beyond a limit only the number is recorded.
func (db *DB) Record(e audit.Entry) { db.records.Add(e) }

// RecordRoom returns store.ErrBusy while entries may find no room: who has to be
// recorded is then not to be answered.
func (db *DB) RecordRoom(mailbox string) error { return db.records.Room(mailbox) }

// recordLoop sees to it that entries do not wait for a commit for ever.
func (db *DB) recordLoop(ctx context.Context) {
	db.records.Follow(ctx, db.opts.AuditDelay, db.opts.Now, func(ctx context.Context) {
		if _, err := db.submit(ctx, recordOnly{}); err != nil {
			db.opts.Log.Warn("audit entries wait", "error", err)
		}
	})
}

// recordOnly is the operation that changes nothing: its commit takes along the
// audit entries that wait.
type recordOnly struct{}

func (recordOnly) apply(context.Context, *writer) (result, error) { return result{}, nil }

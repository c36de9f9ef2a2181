package ledger

import (
	"context"
	"time"

	"nems/internal/audit"
)

// Record notes an entry of something that changed nothing: a read, a refusal.
// It never waits: the entry joins the next commit, at the latest after
// Options.AuditDelay. Of entries beyond a limit only the number is recorded.
func (l *Ledger) Record(e audit.Entry) { l.records.Add(e) }

// RecordRoom returns store.ErrBusy while entries may find no room: who has to be
// recorded is then not to be answered.
func (l *Ledger) RecordRoom(mailbox string) error { return l.records.Room(mailbox) }

// KeepRecording sees to it, until ctx ends, that entries do not wait for a commit
// for ever.
func (l *Ledger) KeepRecording(ctx context.Context) {
	l.records.Follow(ctx, l.options.AuditDelay, l.options.Now, func(ctx context.Context) {
		if _, err := l.engine.Commit(ctx, nothing{}); err != nil {
			l.options.Log.Warn("audit entries wait", "error", err)
		}
	})
}

// nothing changes nothing: its commit takes along the audit entries that wait.
type nothing struct{}

func (nothing) Apply(Tx) (any, error) { return nil, nil }

// LastCommit is when the newest link was committed, by the clock of who did; zero
// before the first.
func (l *Ledger) LastCommit(ctx context.Context) (time.Time, error) {
	var at *int64
	err := l.engine.Read(ctx, func(r Reader) error {
		_, err := first(r, []any{&at}, "SELECT at FROM audit_link ORDER BY id DESC LIMIT 1")
		return err
	})
	return moment(at), err
}

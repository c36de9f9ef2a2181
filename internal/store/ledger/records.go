package ledger

import (
	"context"
	"time"

	"nems/internal/audit"
)

// Record is mailbox.Recorder's.
func (l *Ledger) Record(e audit.Entry) { l.records.Add(e) }

// RecordsWaiting is database.Process'.
func (l *Ledger) RecordsWaiting() int { return l.records.Waiting() }

// RecordRoom is mailbox.Recorder's.
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

// LastCommit is database.Ends'.
func (l *Ledger) LastCommit(ctx context.Context) (time.Time, error) {
	var at *int64
	err := l.engine.Read(ctx, func(r Reader) error {
		_, err := first(r, []any{&at}, "SELECT at FROM audit_link ORDER BY id DESC LIMIT 1")
		return err
	})
	return moment(at), err
}

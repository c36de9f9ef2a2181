package node

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// refusalsPerSecond is how many refusals of one caller are recorded
// individually in a second. The others are counted, so that bad requests cannot
// cause many writes to disk.
const refusalsPerSecond = 10

// recorder records requests that changed nothing: reads and refusals.
type recorder struct {
	record   func(audit.Entry)
	room     func(mailbox string) error
	refused  func(store.Refused)
	throttle *audit.Throttle
}

func newRecorder(record func(audit.Entry), room func(string) error, refused func(store.Refused)) *recorder {
	return &recorder{record: record, room: room, refused: refused, throttle: audit.NewThrottle(refusalsPerSecond)}
}

// RecordRoom implements mailbox.Recorder.
func (r *recorder) RecordRoom(mailbox string) error { return r.room(mailbox) }

// Refused implements api.Recorder.
func (r *recorder) Refused(one store.Refused) { r.refused(one) }

// Record implements api.Recorder and mailbox.Recorder.
func (r *recorder) Record(e audit.Entry) {
	if e.Outcome == "" {
		r.record(e)
		return
	}
	r.recordAll(r.throttle.Admit(e))
}

func (r *recorder) recordAll(entries []audit.Entry) {
	for _, e := range entries {
		r.record(e)
	}
}

// follow records the counts of callers that have stopped, until the context ends.
func (r *recorder) follow(ctx context.Context, now func() time.Time) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.recordAll(r.throttle.Flush(now().Add(time.Second)))
			return nil
		case <-tick.C:
			r.recordAll(r.throttle.Flush(now()))
		}
	}
}

package node

import (
	"context"
	"time"

	"nems/internal/audit"
)

// refusalsPerSecond is how many refusals of one caller are recorded one by one
// in a second; the others are counted, so that bad requests cannot buy disk
// flushes.
const refusalsPerSecond = 10

// trail records what changed nothing: reads and refusals.
type trail struct {
	record   func(audit.Entry)
	room     func(mailbox string) error
	throttle *audit.Throttle
}

func newTrail(record func(audit.Entry), room func(string) error) *trail {
	return &trail{record: record, room: room, throttle: audit.NewThrottle(refusalsPerSecond)}
}

// RecordRoom implements mailbox.Trail.
func (t *trail) RecordRoom(mailbox string) error { return t.room(mailbox) }

// Record implements api.Recorder and mailbox.Trail.
func (t *trail) Record(e audit.Entry) {
	if e.Outcome == "" {
		t.record(e)
		return
	}
	t.keep(t.throttle.Admit(e))
}

func (t *trail) keep(entries []audit.Entry) {
	for _, e := range entries {
		t.record(e)
	}
}

// follow records the counts of callers who fell silent, until the context ends.
func (t *trail) follow(ctx context.Context, now func() time.Time) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			t.keep(t.throttle.Flush(now().Add(time.Second)))
			return nil
		case <-tick.C:
			t.keep(t.throttle.Flush(now()))
		}
	}
}

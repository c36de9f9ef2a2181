package node

import (
	"context"
	"testing"
	"time"

	"nems/internal/audit"
)

// TestRecorderCountsRefusals checks that a thousand refusals of one caller
// become ten entries and one that counts the rest, and that all reads are
// recorded.
func TestRecorderCountsRefusals(t *testing.T) {
	var kept []audit.Entry
	r := newRecorder(func(e audit.Entry) { kept = append(kept, e) }, nil, nil)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 1000 {
		r.Record(audit.Entry{At: at, ASID: "200000000115", Action: "publish", Outcome: "INVALID_RESOURCE", Status: 422})
		r.Record(audit.Entry{At: at, ASID: "200000000115", Action: "read", Status: 200})
	}
	ended, stop := context.WithCancel(context.Background())
	stop()
	if err := r.follow(ended, func() time.Time { return at }); err != nil {
		t.Fatal(err)
	}
	refusals, counted, reads := 0, 0, 0
	for _, e := range kept {
		switch {
		case e.Outcome == "":
			reads++
		case e.Count > 1:
			counted += e.Count
		default:
			refusals++
		}
	}
	if refusals != refusalsPerSecond || counted != 1000-refusalsPerSecond || reads != 1000 {
		t.Errorf("recorded %d refusals one by one, %d counted, %d reads", refusals, counted, reads)
	}
}

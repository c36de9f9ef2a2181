package courier_test

import (
	"fmt"
	"testing"
	"time"

	"nems/internal/courier"
	"nems/internal/mailbox"
	"nems/internal/store"
)

// BenchmarkLink sends over a link of 50 ms round trip with 64 lanes, to be held
// against 500 deliveries a second (`go test -bench Link -benchtime 1x`).
func BenchmarkLink(b *testing.B) {
	const boxes, events = 64, 30
	for b.Loop() {
		b.StopTimer()
		var recipients []string
		for n := range boxes {
			recipients = append(recipients, fmt.Sprintf("BOX%d", n))
		}
		w := newWorld(b, setting{recipients: recipients, running: true, faults: &mailbox.Faults{Latency: 50 * time.Millisecond}})
		for n := range events {
			w.publish(n)
		}
		b.StartTimer()
		begun := time.Now()
		stop := w.run(func(c *courier.Config) { c.Reports = time.Hour })
		w.eventually("all sent", func() bool {
			logs, err := w.db.Backlogs(b.Context(), 1)
			return err == nil && logs[0].Waiting == 0
		})
		took := time.Since(begun)
		b.StopTimer()
		stop()
		if n := len(w.in(store.Sent)); n != boxes*events {
			b.Fatalf("%d sent", n)
		}
		b.ReportMetric(boxes*events/took.Seconds(), "deliveries/s")
		b.StartTimer()
	}
}

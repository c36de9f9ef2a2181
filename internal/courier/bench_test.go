package courier_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"nems/internal/courier"
	"nems/internal/mailbox"
	"nems/internal/store"
)

// BenchmarkLink sends over a link with 50 ms round trip and 64 lanes. The
// target is 500 deliveries a second (`go test -bench Link -benchtime 1x`).
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

// BenchmarkBesideDeadMailbox measures how long a copy for a healthy mailbox takes
// from its acceptance: alone, and while another mailbox never answers and has
// many copies waiting. The p99 of the second may be 10 % higher.
func BenchmarkBesideDeadMailbox(b *testing.B) {
	for _, waiting := range []int{0, 20_000} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			w := newWorld(b, setting{recipients: []string{"DEAD", "ALIVE"}, silent: true, running: true})
			w.failing(deadMailbox)
			if waiting > 0 {
				w.subscribe("DEAD", "")
			}
			for n := range waiting {
				w.publish(n)
			}
			w.subscribe("ALIVE", "")
			w.run(func(c *courier.Config) { c.Backoff, c.MostBackoff, c.Reports = time.Second, time.Minute, time.Hour })
			var took []time.Duration
			for n := 0; b.Loop(); n++ {
				begun := time.Now()
				w.publish(n)
				w.eventually("it arrives", func() bool { return len(w.arrived("ALIVE")) > n })
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

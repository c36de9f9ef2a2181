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
		fx := newFixture(b, setting{recipients: recipients, running: true, faults: &mailbox.Faults{Latency: 50 * time.Millisecond}})
		for n := range events {
			fx.publish(n)
		}
		b.StartTimer()
		begun := time.Now()
		stop := fx.run(func(c *courier.Config) { c.Reports = time.Hour })
		fx.eventually("all sent", func() bool {
			logs, err := fx.db.Backlogs(b.Context(), 1)
			return err == nil && logs[0].Waiting == 0
		})
		took := time.Since(begun)
		b.StopTimer()
		stop()
		if n := len(fx.in(store.Sent)); n != boxes*events {
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
			fx := newFixture(b, setting{recipients: []string{"DEAD", "ALIVE"}, silent: true, running: true})
			fx.failing(deadMailbox)
			if waiting > 0 {
				fx.subscribe("DEAD", "")
			}
			for n := range waiting {
				fx.publish(n)
			}
			fx.subscribe("ALIVE", "")
			fx.run(func(c *courier.Config) { c.Backoff, c.MostBackoff, c.Reports = time.Second, time.Minute, time.Hour })
			var took []time.Duration
			for n := 0; b.Loop(); n++ {
				begun := time.Now()
				fx.publish(n)
				fx.eventually("it arrives", func() bool { return len(fx.arrived("ALIVE")) > n })
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

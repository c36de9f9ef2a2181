package node

import (
	"testing"
	"time"

	"nems/internal/broker"
	"nems/internal/store"
)

// BenchmarkMetricsOfAPublish is all that the metrics of one publish cost.
func BenchmarkMetricsOfAPublish(b *testing.B) {
	m := newMetrics(func() store.CommitterStats { return store.CommitterStats{} })
	b.ReportAllocs()
	for b.Loop() {
		for _, stage := range broker.Stages {
			m.stageTook(stage, time.Millisecond)
		}
		m.accepted(store.Receipt{Copies: 3})
		m.answered("publish", "", 202, 5*time.Millisecond)
	}
}

package node

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"nems/internal/broker"
	"nems/internal/requestid"
	"nems/internal/store"
)

// BenchmarkMetricsOfAPublish is all that the metrics of one publish cost.
func BenchmarkMetricsOfAPublish(b *testing.B) {
	m := newMetrics(func() store.CommitterStats { return store.CommitterStats{} })
	ctx := requestid.With(context.Background(), uuid.New())
	b.ReportAllocs()
	for b.Loop() {
		for _, stage := range broker.Stages {
			m.stageTook(ctx, stage, time.Millisecond)
		}
		m.accepted(ctx, store.Receipt{Copies: 3})
		m.answered(ctx, "publish", "", 202, 5*time.Millisecond)
	}
}

package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/courier"
	"nems/internal/store"
)

// recountEvery is how often the counters of quotas are compared with the tables,
// which are read completely; recountLook is how often the node checks whether it
// is time.
const (
	recountEvery = 24 * time.Hour
	recountLook  = time.Hour
)

// recountQuotas corrects counters that have drifted.
func (n *node) recountQuotas(ctx context.Context) error {
	now := n.Now()
	if now.Sub(n.recounted) < recountEvery {
		return nil
	}
	drift, err := n.db.RecountQuotas(ctx)
	if err != nil {
		return err
	}
	n.recounted = now
	for _, d := range drift {
		n.Log.Warn("a counter of a quota had drifted and was corrected", "quota", d.Quota.String(), "owner", d.Owner, "short", d.Short)
	}
	return nil
}

var (
	quotaRefusedDesc = prometheus.NewDesc("nems_quota_refused_total", "What this node refused because a quota was used up.", []string{"quota"}, nil)
	quotaLimitDesc   = prometheus.NewDesc("nems_quota_limit", "The limit for one owner; there is no row for a quota without a limit.", []string{"quota"}, nil)
	quotaUsedDesc    = prometheus.NewDesc("nems_quota_used", "Use of quotas by owner (for each quota the 100 owners with the highest use).", []string{"quota", "owner"}, nil)
)

// quotas exposes uses and refusals.
type quotas struct {
	limits  store.Quotas
	refused func(store.Quota) uint64
	read    func(context.Context, store.QuotaQuery) ([]store.QuotaUse, error)
}

func (quotas) Describe(out chan<- *prometheus.Desc) {
	out <- quotaRefusedDesc
	out <- quotaLimitDesc
	out <- quotaUsedDesc
}

// Collect implements prometheus.Collector, like that of unrouted.
func (q quotas) Collect(out chan<- prometheus.Metric) {
	for _, quota := range store.AllQuotas {
		out <- prometheus.MustNewConstMetric(quotaRefusedDesc, prometheus.CounterValue, float64(q.refused(quota)), quota.String())
		if limit := q.limits.Of(quota); limit >= 0 {
			out <- prometheus.MustNewConstMetric(quotaLimitDesc, prometheus.GaugeValue, float64(limit), quota.String())
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	for _, quota := range store.OwnersQuotas {
		uses, err := q.read(ctx, store.QuotaQuery{Quota: quota, Max: courier.MostLabels})
		if err != nil {
			out <- prometheus.NewInvalidMetric(quotaUsedDesc, err)
			return
		}
		for _, u := range uses {
			out <- prometheus.MustNewConstMetric(quotaUsedDesc, prometheus.GaugeValue, float64(u.Used), quota.String(), u.Owner)
		}
	}
}

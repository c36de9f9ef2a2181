package courier

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/store"
)

// stats counts what the courier does.
type stats struct {
	deliveries *prometheus.CounterVec
	reports    *prometheus.CounterVec
	adopted    prometheus.Counter
	repeats    prometheus.Counter
	dropped    prometheus.Counter
}

func newStats() stats {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return stats{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_courier_deliveries_total", Help: "Attempts to deliver to the remote MESH by the state that they led to.",
		}, []string{"state"}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_courier_reports_total", Help: "Reports found at the remote MESH: joined to a delivery, unknown, or unreadable (those that were left for later each time).",
		}, []string{"result"}),
		adopted: counter("nems_courier_adopted_total", "Uncertain sends that tracking found at the MESH."),
		repeats: counter("nems_courier_repeats_total", "Uncertain sends that were repeated with the same local id."),
		dropped: counter("nems_courier_partner_pairs_dropped_total", "Pairs left out of partner ids that were too long for the MESH."),
	}
}

func (s *stats) settled(d store.Delivery) { s.deliveries.WithLabelValues(string(d.State)).Inc() }

// Collectors returns the courier's metrics, for registration.
func (c *Courier) Collectors() []prometheus.Collector {
	return []prometheus.Collector{c.stats.deliveries, c.stats.reports, c.stats.adopted, c.stats.repeats, c.stats.dropped}
}

// MostLabels limits the number of mailboxes in the backlog metrics. Those with
// the most waiting deliveries are shown.
const MostLabels = 100

// Backlog is the metrics of deliveries that wait for remote mailboxes. It calls Read at each
// scrape.
type Backlog struct {
	Read func(ctx context.Context, max int) ([]store.Backlog, error)
	Now  func() time.Time
}

var (
	waitingDesc = prometheus.NewDesc("nems_courier_backlog", "Deliveries that wait for a remote mailbox, counted up to 10,000 (the deepest 100).", []string{"mailbox"}, nil)
	oldestDesc  = prometheus.NewDesc("nems_courier_oldest_seconds", "Age of the oldest delivery that waits for a remote mailbox.", []string{"mailbox"}, nil)
	parkedDesc  = prometheus.NewDesc("nems_courier_parked", "Deliveries to a remote mailbox that wait for an operator.", []string{"mailbox"}, nil)
)

// Describe implements prometheus.Collector.
func (b Backlog) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc, oldestDesc, parkedDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector. If the store does not answer, the
// scrape fails.
func (b Backlog) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := b.Read(ctx, MostLabels)
	if err != nil {
		out <- prometheus.NewInvalidMetric(waitingDesc, err)
		return
	}
	for _, box := range all {
		age := 0.0
		if !box.Oldest.IsZero() {
			age = max(0, b.Now().Sub(box.Oldest).Seconds())
		}
		out <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(box.Waiting), box.MailboxID)
		out <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age, box.MailboxID)
		out <- prometheus.MustNewConstMetric(parkedDesc, prometheus.GaugeValue, float64(box.Parked), box.MailboxID)
	}
}

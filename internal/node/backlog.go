package node

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/courier"
	"nems/internal/store"
)

// scrapeWait is how long a scrape waits for the store.
const scrapeWait = 5 * time.Second

var (
	timesDesc = prometheus.NewDesc("nems_commit_seconds", "Time of a transaction of the store, failed ones included.", nil, nil)
	sizesDesc = prometheus.NewDesc("nems_commit_size", "Operations in a transaction of the store.", nil, nil)

	unroutedDesc = prometheus.NewDesc("nems_events_unrouted", "Accepted events without copies: pending (the patient directory could not be reached) or refused (they cannot be routed).", []string{"state"}, nil)
	oldestDesc   = prometheus.NewDesc("nems_events_unrouted_oldest_seconds", "Age of the oldest event that waits for the patient directory; 0 if there is none.", nil, nil)

	uncollectedDesc = prometheus.NewDesc("nems_inbox_oldest_seconds", "Age of the oldest message that a mailbox here has not collected (the 100 that have waited longest).", []string{"mailbox"}, nil)
	parkedDesc      = prometheus.NewDesc("nems_inbox_parked", "Copies for mailboxes here that wait for an operator (the 100 mailboxes with the most).", []string{"mailbox"}, nil)
)

// commitSizes exposes the store's histogram of transactions by their size.
type commitSizes struct{ stats func() store.CommitterStats }

func (commitSizes) Describe(out chan<- *prometheus.Desc) { out <- sizesDesc }

func (c commitSizes) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	buckets, sum := map[float64]uint64{}, uint64(0)
	for i, n := range s.Sizes[:len(s.Sizes)-1] { // the last has no upper bound
		sum += n
		buckets[math.Exp2(float64(i))] = sum
	}
	total := sum + s.Sizes[len(s.Sizes)-1]
	out <- prometheus.MustNewConstHistogram(sizesDesc, total, float64(s.Operations), buckets)
}

// commitTimes exposes the store's histogram of transactions by their time.
type commitTimes struct{ stats func() store.CommitterStats }

func (commitTimes) Describe(out chan<- *prometheus.Desc) { out <- timesDesc }

func (c commitTimes) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	buckets, sum := map[float64]uint64{}, uint64(0)
	for i, n := range s.Took[:len(s.Took)-1] { // the last has no upper bound
		sum += n
		buckets[store.TookWithin(i).Seconds()] = sum
	}
	out <- prometheus.MustNewConstHistogram(timesDesc, sum+s.Took[len(s.Took)-1], s.Working.Seconds(), buckets)
}

// unrouted exposes the events that are accepted and have no copies yet.
type unrouted struct {
	read func(ctx context.Context) (store.Unrouted, error)
	now  func() time.Time
}

func (unrouted) Describe(out chan<- *prometheus.Desc) {
	out <- unroutedDesc
	out <- oldestDesc
}

// Collect implements prometheus.Collector. If the store does not answer, the
// scrape fails.
func (u unrouted) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	s, err := u.read(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(unroutedDesc, err)
		return
	}
	age := 0.0
	if !s.Oldest.IsZero() {
		age = max(0, u.now().Sub(s.Oldest).Seconds())
	}
	out <- prometheus.MustNewConstMetric(unroutedDesc, prometheus.GaugeValue, float64(s.Pending), "pending")
	out <- prometheus.MustNewConstMetric(unroutedDesc, prometheus.GaugeValue, float64(s.Refused), "refused")
	out <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age)
}

// uncollected exposes for how long mailboxes have not collected their messages.
type uncollected struct {
	read func(ctx context.Context, max int) ([]store.Uncollected, error)
	now  func() time.Time
}

func (uncollected) Describe(out chan<- *prometheus.Desc) { out <- uncollectedDesc }

// Collect implements prometheus.Collector, like that of unrouted.
func (u uncollected) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	boxes, err := u.read(ctx, courier.MostLabels)
	if err != nil {
		out <- prometheus.NewInvalidMetric(uncollectedDesc, err)
		return
	}
	for _, box := range boxes {
		out <- prometheus.MustNewConstMetric(uncollectedDesc, prometheus.GaugeValue, max(0, u.now().Sub(box.Oldest).Seconds()), box.MailboxID)
	}
}

// parkedHere exposes the mailboxes served here for which copies are parked.
type parkedHere struct {
	read func(ctx context.Context, max int) ([]store.ParkedHere, error)
}

func (parkedHere) Describe(out chan<- *prometheus.Desc) { out <- parkedDesc }

// Collect implements prometheus.Collector, like that of unrouted.
func (p parkedHere) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	boxes, err := p.read(ctx, courier.MostLabels)
	if err != nil {
		out <- prometheus.NewInvalidMetric(parkedDesc, err)
		return
	}
	for _, box := range boxes {
		out <- prometheus.MustNewConstMetric(parkedDesc, prometheus.GaugeValue, float64(box.Copies), box.MailboxID)
	}
}

package node

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/audit"
	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/store"
)

// obedience is how closely this node follows the controller catalogue. It is the
// broker's Controllers.
type obedience struct {
	rows func() *controllers.Catalogue
	now  func() time.Time
	note func(ctx context.Context, some []store.Shortfall) error
	// shorts counts what would have been refused.
	shorts *prometheus.CounterVec
	mode   atomic.Pointer[controllers.Mode]

	mu      sync.Mutex
	waiting map[shortfall]*store.Shortfall // to be noted in the store
}

// shortfall tells shortfalls apart.
type shortfall struct {
	organisation nhs.ODSCode
	role         controllers.Role
	event, lacks string
}

// notedEvery is how often shortfalls are noted in the store: one commit for all of them,
// not one for each publish.
const notedEvery = 10 * time.Second

func (n *node) newObedience() *obedience {
	o := &obedience{rows: n.controllers.now, now: n.Now, note: n.db.NoteShortfalls, waiting: map[shortfall]*store.Shortfall{},
		shorts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_catalogue_would_refuse_total", Help: "What this node did although the controller catalogue does not permit it, because the catalogue is only reported on (catalogue: report).",
		}, []string{"role"})}
	for _, role := range []controllers.Role{controllers.Publisher, controllers.Consumer} {
		o.shorts.WithLabelValues(string(role))
	}
	n.metrics.registry.MustRegister(o.shorts, expiringRows{o})
	o.follow(n.Catalogue)
	return o
}

// follow puts a mode in force.
func (o *obedience) follow(mode string) {
	m := cmp.Or(controllers.Mode(mode), controllers.Off)
	o.mode.Store(&m)
}

// Mode is how closely the catalogue is followed at this moment.
func (o *obedience) Mode() controllers.Mode { return *o.mode.Load() }

// Follows is broker.Controllers'.
func (o *obedience) Follows() (controllers.Mode, *controllers.Catalogue) {
	mode := o.Mode()
	if mode == controllers.Off {
		return mode, nil
	}
	return mode, o.rows()
}

// Short is broker.Controllers'.
func (o *obedience) Short(q controllers.Question, lacks string) {
	o.shorts.WithLabelValues(string(q.Role)).Inc()
	at, key := o.now().UTC(), shortfall{q.Organisation, q.Role, q.Event, lacks}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.waiting[key]
	if s == nil {
		if len(o.waiting) == store.MostShortfalls { // the metric counts the rest
			return
		}
		s = &store.Shortfall{Organisation: q.Organisation, Role: string(q.Role), Event: q.Event, Lacks: lacks, First: at,
			Audit: audit.Entry{At: at, Action: audit.ActionShortfall, ODS: q.Organisation, EventType: q.Event, Object: string(q.Role), Reason: lacks}}
		o.waiting[key] = s
	}
	s.Last = at
	s.Count++
}

// run notes shortfalls in the store until the context ends, and what is left then.
func (o *obedience) run(ctx context.Context, failed func(error)) error {
	ticker := time.NewTicker(notedEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return o.flush(context.WithoutCancel(ctx))
		case <-ticker.C:
			if err := o.flush(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

// flush notes what has come up since the last time. What could not be noted is counted
// again the next time.
func (o *obedience) flush(ctx context.Context) error {
	o.mu.Lock()
	var some []store.Shortfall
	for _, s := range o.waiting {
		some = append(some, *s)
	}
	o.waiting = map[shortfall]*store.Shortfall{}
	o.mu.Unlock()
	if len(some) == 0 {
		return nil
	}
	err := o.note(ctx, some)
	if err == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range some {
		s := &some[i]
		key := shortfall{s.Organisation, controllers.Role(s.Role), s.Event, s.Lacks}
		if since := o.waiting[key]; since != nil {
			since.First, since.Count = s.First, since.Count+s.Count
		} else if len(o.waiting) < store.MostShortfalls {
			o.waiting[key] = s
		}
	}
	return err
}

var expiringDesc = prometheus.NewDesc("nems_catalogue_rows_expiring",
	"Live rows of the controller catalogue whose evidence has expired, or expires within 14 or 60 days; each row is in one of the three.", []string{"within"}, nil)

// expiringRows counts the rows that people should see to.
type expiringRows struct{ *obedience }

func (expiringRows) Describe(out chan<- *prometheus.Desc) { out <- expiringDesc }

// Collect implements prometheus.Collector.
func (e expiringRows) Collect(out chan<- prometheus.Metric) {
	counts := map[string]float64{"expired": 0, "14d": 0, "60d": 0}
	now := e.now()
	for _, r := range e.rows().Rows() {
		switch notice, days := r.Notice(now); {
		case !strings.HasPrefix(notice, "evidence"):
		case days < 0:
			counts["expired"]++
		case controllers.Urgent(days):
			counts["14d"]++
		default:
			counts["60d"]++
		}
	}
	for within, n := range counts {
		out <- prometheus.MustNewConstMetric(expiringDesc, prometheus.GaugeValue, n, within)
	}
}

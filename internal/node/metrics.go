package node

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nems/internal/store"
)

// metrics counts what the node does. Labels come only from closed sets
// (actions, Spine codes, statuses), never from anything about a patient.
type metrics struct {
	registry    *prometheus.Registry
	answers     *prometheus.CounterVec
	meshRefused *prometheus.CounterVec
}

// newMetrics registers the node's own metrics and those of the process.
func newMetrics(stats func() store.CommitterStats) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_answers_total", Help: "Answers of the FHIR API by action, Spine code (empty: success) and HTTP status.",
		}, []string{"action", "code", "status"}),
		meshRefused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_mesh_refused_total", Help: "MESH callers that were turned away for their token, for the number of their requests or for being slow, by reason.",
		}, []string{"reason"}),
	}
	m.registry.MustRegister(m.answers, m.meshRefused, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, value func(store.CommitterStats) uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(stats())) }))
	}
	counter("nems_commits_total", "Transactions committed by the store.", func(s store.CommitterStats) uint64 { return s.Commits })
	counter("nems_commit_operations_total", "Operations in those transactions.", func(s store.CommitterStats) uint64 { return s.Operations })
	counter("nems_commits_failed_total", "Transactions rolled back.", func(s store.CommitterStats) uint64 { return s.Failed })
	counter("nems_commit_refused_total", "Operations refused because the queue was full.", func(s store.CommitterStats) uint64 { return s.Refused })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nems_commit_queue", Help: "Operations that wait for a commit.",
	}, func() float64 { return float64(stats().Depth) }))
	return m
}

// answered counts one answer of the FHIR API.
func (m *metrics) answered(action, code string, status int) {
	m.answers.WithLabelValues(action, code, strconv.Itoa(status)).Inc()
}

// handler serves the metrics in the Prometheus text format. While the store
// does not answer, it serves those that are available.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

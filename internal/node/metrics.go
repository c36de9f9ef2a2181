package node

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/requestid"
	"nems/internal/store"
	"nems/internal/tracing"
)

// metrics counts what the node does. Labels come only from closed sets
// (actions, Spine codes, statuses), never from anything about a patient.
type metrics struct {
	registry    *prometheus.Registry
	answers     *prometheus.CounterVec
	meshAnswers *prometheus.CounterVec
	meshRefused *prometheus.CounterVec
	took        *prometheus.HistogramVec // by action of the FHIR API
	meshTook    *prometheus.HistogramVec // by action of MESH
	stages      map[broker.Stage]prometheus.Observer
	events      atomic.Uint64 // accepted
	copies      map[fate]prometheus.Counter
}

// fate is what became of copies.
type fate string

// The fates of copies that are counted. How copies for remote mailboxes end is in
// nems_courier_deliveries_total.
const (
	copyMade      fate = "made"
	copyCollected fate = "collected" // acknowledged in a mailbox here
	copyExpired   fate = "expired"   // not collected in time
)

// waits are the bounds of the histograms of times, in seconds: close to each other
// where the promises of docs/scale.md are.
var waits = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

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
		meshAnswers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nems_mesh_answers_total", Help: "Answers of the MESH API by action and HTTP status (0: broken off before one was sent).",
		}, []string{"action", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nems_answer_seconds", Help: "Time of a request of the FHIR API from its head to its answer, by action.", Buckets: waits,
		}, []string{"action"}),
		meshTook: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nems_mesh_answer_seconds", Help: "Time of a request of the MESH API from its head to the end of its answer, by action.", Buckets: waits,
		}, []string{"action"}),
	}
	m.stageTimes()
	m.copyFates()
	m.registry.MustRegister(m.answers, m.meshRefused, m.meshAnswers, m.took, m.meshTook, m.eventsCounter(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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

// stageTimes makes the histogram of the stages of publishing.
func (m *metrics) stageTimes() {
	times := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "nems_publish_stage_seconds",
		Help:    "Time of each stage of a publish: read (the body arrives), check, patient (found and compared), commit (matched, and on disk), answer.",
		Buckets: waits,
	}, []string{"stage"})
	m.registry.MustRegister(times)
	m.stages = map[broker.Stage]prometheus.Observer{}
	for _, stage := range broker.Stages {
		m.stages[stage] = times.WithLabelValues(string(stage))
	}
}

// eventsCounter exposes how many events were accepted.
func (m *metrics) eventsCounter() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "nems_events_accepted_total", Help: "Events that this node accepted.",
	}, func() float64 { return float64(m.events.Load()) })
}

// copyFates makes the counter of what became of copies.
func (m *metrics) copyFates() {
	fates := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nems_copies_total", Help: "Copies of events by what became of them at this node: made, collected (acknowledged in a mailbox here, again too), expired (messages that nobody collected within five days).",
	}, []string{"fate"})
	m.registry.MustRegister(fates)
	m.copies = map[fate]prometheus.Counter{}
	for _, f := range []fate{copyMade, copyCollected, copyExpired} {
		m.copies[f] = fates.WithLabelValues(string(f))
	}
}

// answered counts one answer of the FHIR API.
func (m *metrics) answered(ctx context.Context, action, code string, status int, took time.Duration) {
	m.answers.WithLabelValues(action, code, strconv.Itoa(status)).Inc()
	observe(ctx, m.took.WithLabelValues(action), took)
	tracing.Answered(ctx, action, code, status, requestid.Of(ctx))
}

// meshAnswered counts one answer of the MESH API.
func (m *metrics) meshAnswered(ctx context.Context, action string, status int, took time.Duration) {
	m.meshAnswers.WithLabelValues(action, strconv.Itoa(status)).Inc()
	observe(ctx, m.meshTook.WithLabelValues(action), took)
	tracing.Answered(ctx, action, "", status, requestid.Of(ctx))
	if action == string(audit.ActionAcknowledge) && status == http.StatusOK {
		m.copies[copyCollected].Inc()
	}
}

// observe adds the time of a request to a histogram. The request's id is the exemplar
// of its bucket: it leads from a slow answer to the log and to the audit.
func observe(ctx context.Context, times prometheus.Observer, took time.Duration) {
	id := requestid.Of(ctx)
	if with, ok := times.(prometheus.ExemplarObserver); ok && id != "" {
		with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"request_id": id})
		return
	}
	times.Observe(took.Seconds())
}

// stageTook counts one stage of a publish.
func (m *metrics) stageTook(ctx context.Context, stage broker.Stage, took time.Duration) {
	tracing.Stage(ctx, string(stage), took)
	m.stages[stage].Observe(took.Seconds())
}

// accepted counts an event that was accepted, unless it had been before.
func (m *metrics) accepted(ctx context.Context, r store.Receipt) {
	tracing.Event(ctx, int64(r.Event))
	if !r.Repeated {
		m.events.Add(1)
		m.copies[copyMade].Add(float64(r.Copies))
	}
}

// handler serves the metrics in the Prometheus text format, or as OpenMetrics, which has
// the exemplars, to a Prometheus that asks for it. While the store
// does not answer, it serves those that are available.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true})
}

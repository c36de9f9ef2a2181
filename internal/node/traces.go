package node

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/tracing"
)

// Traces are told to a collector of OpenTelemetry. The environment variables of its
// specification work too.
type Traces struct {
	// URL is where they go; "": nowhere.
	URL string `name:"url" env:"NEMS_TRACES_URL,OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" help:"Collector that requests are traced to, by OTLP over HTTP as JSON (http://localhost:4318/v1/traces); empty: nothing is traced."`
	// Headers are sent with them.
	Headers string `name:"headers" env:"NEMS_TRACES_HEADERS,OTEL_EXPORTER_OTLP_TRACES_HEADERS" help:"Headers for the collector, such as authorization=Basic%20abc, several separated by commas."`
	// Ratio is the part of requests without a trace of their own that are traced.
	Ratio float64 `name:"ratio" default:"0.01" help:"Part of the requests that are traced, 0 to 1. One that comes with a trace (traceparent) is traced if its caller traces it."`
}

func (t Traces) validate() []error {
	if t.URL == "" {
		return nil
	}
	var wrong []error
	if u, err := url.Parse(t.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		wrong = append(wrong, errors.New("traces-url: expected an http or https URL, such as http://localhost:4318/v1/traces"))
	}
	if t.Ratio < 0 || t.Ratio > 1 {
		wrong = append(wrong, fmt.Errorf("traces-ratio: expected a number from 0 to 1; received %v", t.Ratio))
	}
	if _, err := t.headers(); err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}

// headers are written as W3C's baggage is: pairs with percent encoding (OpenTelemetry
// specification, "OTLP Exporter Configuration").
func (t Traces) headers() (map[string]string, error) {
	all := map[string]string{}
	for pair := range strings.SplitSeq(t.Headers, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, errors.New("traces-headers: expected name=value, several separated by commas") // the value is a secret
		}
		all[strings.TrimSpace(name)] = value
	}
	return all, nil
}

// startTracing starts the tracer if there is a collector.
func (n *node) startTracing() {
	if n.Traces.URL == "" {
		return
	}
	lost := prometheus.NewCounter(prometheus.CounterOpts{Name: "nems_spans_lost_total", Help: "Spans of traces that the collector did not take."})
	n.metrics.registry.MustRegister(lost)
	headers, _ := n.Traces.headers() // validated
	var told atomic.Bool
	n.tracer = tracing.New(tracing.Settings{
		URL: n.Traces.URL, Headers: headers, Ratio: n.Traces.Ratio, Version: n.Program, Node: n.owner,
		Failed: func(spans int, err error) {
			lost.Add(float64(spans))
			if !told.Swap(true) { // the metric has the rest
				n.Log.Warn("traces could not be sent", "error", err)
			}
		},
	})
}

// endTracing sends what is left, for a moment.
func (n *node) endTracing() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = n.tracer.Close(ctx)
}

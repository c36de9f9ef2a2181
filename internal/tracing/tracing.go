// Package tracing tells a collector of OpenTelemetry what happens to requests and how
// long each part takes. Without a collector nothing is recorded, and the functions of
// this package cost a look into the context.
//
// What is told is chosen here and in the callers: names of actions and stages, status
// codes, numbers of events, ids of requests. Never a URL, a header, a body, or anything
// else of a patient.
package tracing

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Settings are where traces go, and how many.
type Settings struct {
	// URL takes OTLP over HTTP as JSON, such as http://localhost:4318/v1/traces.
	URL string
	// Headers are sent with it, such as a token.
	Headers map[string]string
	// Ratio is the part of the requests that are traced, 0 to 1. A request that comes
	// with a trace is traced if its caller traces it.
	Ratio float64
	// Version and Node are those of the program that traces.
	Version, Node string
	// Failed is told of spans that could not be sent.
	Failed func(spans int, err error)
}

// Tracer records spans. A nil Tracer records none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// context in and out has the form of W3C's traceparent. tracestate is left out: it is
// free text from outside.
var w3c = propagation.TraceContext{}

// New starts a tracer. It must be closed.
func New(s Settings) *Tracer {
	about := resource.NewSchemaless(
		attribute.String("service.name", "nems"), attribute.String("service.version", s.Version), attribute.String("service.instance.id", s.Node),
	)
	provider := sdk.NewTracerProvider(
		sdk.WithResource(about), sdk.WithBatcher(newExporter(s)), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(s.Ratio))),
	)
	return &Tracer{provider, provider.Tracer("nems")}
}

// Close sends what is still waiting, as long as ctx lasts.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Handler records a span for each request to next, as part of the caller's trace if the
// request names one. next gives it its name with Answered.
func (t *Tracer) Handler(door string, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := w3c.Extract(r.Context(), parentOnly(r.Header))
		ctx, span := t.tracer.Start(ctx, door, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// parentOnly is the part of the headers that is taken from a caller.
func parentOnly(h http.Header) propagation.TextMapCarrier {
	return propagation.MapCarrier{"traceparent": h.Get("Traceparent")}
}

// Answered names the span of the request that ctx belongs to after its action, and says
// how it was answered. code is the word of a refusal; "" for none.
func Answered(ctx context.Context, action, code string, status int, request string) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetName(action)
	span.SetAttributes(attribute.Int("http.response.status_code", status), attribute.String("nems.request", request))
	if code != "" {
		span.SetAttributes(attribute.String("nems.code", code))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}

// Stage records a part of the request that ctx belongs to, which has just ended.
func Stage(ctx context.Context, name string, took time.Duration) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	now := time.Now()
	_, part := span.TracerProvider().Tracer("nems").Start(ctx, name, trace.WithTimestamp(now.Add(-took)))
	part.End(trace.WithTimestamp(now))
}

// Event says which event the request that ctx belongs to is about: its number is the same
// when it is published and when its copies are collected.
func Event(ctx context.Context, number int64) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.Int64("nems.event", number))
	}
}

// Transport records a span for each request that is sent through next, and hands the
// trace on.
func (t *Tracer) Transport(to string, next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return transport{t, to, next}
}

type transport struct {
	tracer *Tracer
	to     string
	next   http.RoundTripper
}

// RoundTrip is http.RoundTripper's.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.tracer.Start(r.Context(), t.to, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname())))
	defer span.End()
	r = r.Clone(ctx)
	w3c.Inject(ctx, propagation.HeaderCarrier(r.Header))
	answer, err := t.next.RoundTrip(r)
	switch {
	case err != nil:
		span.SetStatus(codes.Error, "no answer") // the error has the URL
	default:
		span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
		if answer.StatusCode >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	return answer, err
}

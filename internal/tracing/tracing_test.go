package tracing_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"nems/internal/tracing"
)

// collector is one that answers with these statuses, and then takes everything.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	headers  http.Header
	spans    []received
}

type received struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                int
	StartTimeUnixNano, EndTimeUnixNano  string
	Attributes                          []struct {
		Key   string
		Value map[string]string
	}
	Status struct{ Code int }
}

func newCollector(t *testing.T, statuses ...int) *collector {
	c := &collector{statuses: statuses}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.statuses) > 0 {
			w.WriteHeader(c.statuses[0])
			c.statuses = c.statuses[1:]
			return
		}
		unpacked, err := gzip.NewReader(r.Body)
		var request struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []received }
			}
		}
		if err == nil {
			err = json.NewDecoder(unpacked).Decode(&request)
		}
		if err != nil {
			t.Error(err)
		}
		c.headers = r.Header
		c.spans = append(c.spans, request.ResourceSpans[0].ScopeSpans[0].Spans...)
	}))
	t.Cleanup(c.Close)
	return c
}

func (s received) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value["stringValue"] + a.Value["intValue"]
		}
	}
	return ""
}

// traced serves one request through a tracer and returns the spans that the collector
// has afterwards.
func traced(t *testing.T, c *collector, ratio float64, traceparent string, handle http.HandlerFunc) []received {
	t.Helper()
	tracer := tracing.New(tracing.Settings{URL: c.URL, Ratio: ratio, Headers: map[string]string{"authorization": "a token"}, Failed: func(_ int, err error) { t.Error(err) }})
	r := httptest.NewRequest(http.MethodPost, "/STU3/Patient/9912003888", nil)
	if traceparent != "" {
		r.Header.Set("traceparent", traceparent)
		r.Header.Set("tracestate", "nhs=9912003888")
	}
	tracer.Handler("fhir", handle).ServeHTTP(httptest.NewRecorder(), r)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans
}

const (
	callers  = "0af7651916cd43dd8448eb211c80319c"
	sampled  = "00-" + callers + "-b7ad6b7169203331-01"
	unheeded = "00-" + callers + "-b7ad6b7169203331-00"
)

// TestRequestIsTraced: a request is part of its caller's trace, and has its parts and
// what it sends itself below it.
func TestRequestIsTraced(t *testing.T) {
	c := newCollector(t, http.StatusServiceUnavailable) // at first
	spans := traced(t, c, 0, sampled, func(_ http.ResponseWriter, r *http.Request) {
		tracing.Stage(r.Context(), "commit", 20*time.Millisecond)
		tracing.Event(r.Context(), 1<<62)
		tracing.Answered(r.Context(), "publish", "INVALID_RESOURCE", 500, "a request")
	})
	if len(spans) != 2 || spans[0].Name != "commit" || spans[1].Name != "publish" {
		t.Fatalf("received %+v", spans)
	}
	part, request := spans[0], spans[1]
	if request.TraceID != callers || request.ParentSpanID != "b7ad6b7169203331" || request.Kind != 2 || request.Status.Code != 2 {
		t.Errorf("the request: received %+v", request)
	}
	if part.TraceID != callers || part.ParentSpanID != request.SpanID || part.Kind != 1 || len(part.StartTimeUnixNano) != 19 || part.StartTimeUnixNano >= part.EndTimeUnixNano {
		t.Errorf("its part: received %+v", part)
	}
	for key, want := range map[string]string{"http.response.status_code": "500", "nems.code": "INVALID_RESOURCE", "nems.request": "a request", "nems.event": "4611686018427387904"} {
		if got := request.attribute(key); got != want {
			t.Errorf("%s: expected %q; received %q", key, want, got)
		}
	}
	if c.headers.Get("Authorization") != "a token" {
		t.Errorf("headers of the settings: received %v", c.headers)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTraceGoesOn: a request that is sent while another is served belongs to its trace.
func TestTraceGoesOn(t *testing.T) {
	c := newCollector(t)
	tracer := tracing.New(tracing.Settings{URL: c.URL, Ratio: 1})
	var header http.Header
	out := tracer.Transport("mesh", roundTripper(func(r *http.Request) (*http.Response, error) {
		header = r.Header
		return &http.Response{StatusCode: http.StatusAccepted}, nil
	}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://mesh.example/messageexchange/BOX/outbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.spans) != 1 || c.spans[0].Kind != 3 || header.Get("Traceparent") != "00-"+c.spans[0].TraceID+"-"+c.spans[0].SpanID+"-01" || header.Get("Tracestate") != "" {
		t.Errorf("received %+v with %v", c.spans, header)
	}
	if r.Header.Get("Traceparent") != "" {
		t.Error("the caller's own request was changed")
	}
}

// TestNotTraced: without a tracer, and for requests that are not chosen, nothing is sent.
func TestNotTraced(t *testing.T) {
	c := newCollector(t)
	if spans := traced(t, c, 0, "", answered); len(spans) != 0 {
		t.Errorf("ratio 0: received %+v", spans)
	}
	if spans := traced(t, c, 1, unheeded, answered); len(spans) != 0 {
		t.Errorf("the caller traces nothing: received %+v", spans)
	}
	if spans := traced(t, c, 1, "not a traceparent 9912003888", answered); len(spans) != 1 || spans[0].ParentSpanID != "" {
		t.Errorf("a header that is no trace: received %+v", spans)
	}
	var off *tracing.Tracer
	off.Handler("fhir", http.HandlerFunc(answered)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if err := off.Close(t.Context()); err != nil || off.Transport("mesh", http.DefaultTransport) != http.DefaultTransport {
		t.Errorf("no tracer: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() {
		tracing.Stage(context.Background(), "commit", time.Second)
		tracing.Answered(context.Background(), "publish", "", 202, "a request")
		tracing.Event(context.Background(), 17)
	}); n != 0 {
		t.Errorf("where nothing is traced: %v allocations", n)
	}
}

func answered(_ http.ResponseWriter, r *http.Request) {
	tracing.Answered(r.Context(), "publish", "", 202, "a request")
}

// TestCollectorRefuses: what a collector will never take is given up at once and counted.
func TestCollectorRefuses(t *testing.T) {
	c := newCollector(t, http.StatusBadRequest)
	lost := 0
	tracer := tracing.New(tracing.Settings{URL: c.URL, Ratio: 1, Failed: func(spans int, _ error) { lost += spans }})
	tracer.Handler("fhir", http.HandlerFunc(answered)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if err := tracer.Close(t.Context()); err != nil || lost != 1 {
		t.Errorf("expected 1 span that is lost; received %d, %v", lost, err)
	}
}

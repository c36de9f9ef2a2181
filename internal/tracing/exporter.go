package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporter sends spans to a collector by OTLP over HTTP, as JSON. The SDK queues and
// batches them: at most 2,048 wait, and further ones are dropped, so that a collector
// that is away costs nothing but its traces. otlptracehttp would do this too; docs/decisions
// has why it is not used.
type exporter struct {
	settings Settings
	http     *http.Client
}

// attempts is how often a batch is sent before it is given up.
const attempts = 4

func newExporter(s Settings) *exporter {
	return &exporter{s, &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ExportSpans is sdk.SpanExporter's.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := packed(encode(spans))
	if err == nil {
		err = e.deliver(ctx, body)
	}
	if err != nil && e.settings.Failed != nil {
		e.settings.Failed(len(spans), err)
	}
	return nil // the SDK would print it
}

// Shutdown is sdk.SpanExporter's.
func (e *exporter) Shutdown(context.Context) error {
	e.http.CloseIdleConnections()
	return nil
}

func packed(request exported) ([]byte, error) {
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	if err := json.NewEncoder(w).Encode(request); err != nil {
		return nil, err
	}
	err := w.Close() // before the bytes are there
	return body.Bytes(), err
}

// deliver sends a batch, and again after a pause where the collector asks for that (OTLP
// specification, "Retryable Response Codes").
func (e *exporter) deliver(ctx context.Context, body []byte) error {
	pause := time.Second
	for attempt := 1; ; attempt++ {
		wait, err := e.send(ctx, body)
		if err == nil || wait < 0 || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(max(pause, wait)):
		}
		pause *= 2
	}
}

// send tries once. wait is how long the collector wants to be left alone; below 0 there
// is no point in another try.
func (e *exporter) send(ctx context.Context, body []byte) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.settings.URL, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	for name, value := range e.settings.Headers {
		r.Header.Set(name, value)
	}
	answer, err := e.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection is used again
	switch answer.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // or a date, which is rare: then the pauses are ours
		return time.Duration(max(0, seconds)) * time.Second, fmt.Errorf("the collector answered %s", answer.Status)
	}
	return -1, fmt.Errorf("the collector answered %s", answer.Status)
}

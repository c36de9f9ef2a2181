package tracing

import (
	"encoding/hex"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// The request of OTLP in JSON (opentelemetry-proto, collector/trace/v1 and trace/v1): ids
// in hexadecimal, 64-bit numbers as text.
type exported struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource   attributes   `json:"resource"`
	ScopeSpans []scopeSpans `json:"scopeSpans"`
}

type attributes struct {
	Attributes []keyValue `json:"attributes,omitempty"`
}

type scopeSpans struct {
	Scope struct {
		Name string `json:"name"`
	} `json:"scope"`
	Spans []span `json:"spans"`
}

type span struct {
	TraceID      string `json:"traceId"`
	SpanID       string `json:"spanId"`
	ParentSpanID string `json:"parentSpanId,omitempty"`
	Name         string `json:"name"`
	Kind         int    `json:"kind"` // as in trace.SpanKind: 1 internal, 2 server, 3 client
	Start        string `json:"startTimeUnixNano"`
	End          string `json:"endTimeUnixNano"`
	attributes
	Status *status `json:"status,omitempty"`
}

type status struct {
	Code    int    `json:"code"` // 1 is OK, 2 an error: not the numbers of package codes
	Message string `json:"message,omitempty"`
}

type keyValue struct {
	Key   string         `json:"key"`
	Value map[string]any `json:"value"`
}

// encode returns the request that hands over spans, which are all of one process.
func encode(spans []sdk.ReadOnlySpan) exported {
	of := resourceSpans{ScopeSpans: make([]scopeSpans, 1)}
	of.ScopeSpans[0].Scope.Name = "nems"
	for _, s := range spans {
		of.Resource.Attributes = keyValues(s.Resource().Attributes())
		of.ScopeSpans[0].Spans = append(of.ScopeSpans[0].Spans, encodeSpan(s))
	}
	return exported{[]resourceSpans{of}}
}

func encodeSpan(s sdk.ReadOnlySpan) span {
	trace, own := s.SpanContext().TraceID(), s.SpanContext().SpanID()
	out := span{
		TraceID: hex.EncodeToString(trace[:]), SpanID: hex.EncodeToString(own[:]), Name: s.Name(), Kind: int(s.SpanKind()),
		Start: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()), attributes: attributes{keyValues(s.Attributes())},
	}
	if parent := s.Parent().SpanID(); parent.IsValid() {
		out.ParentSpanID = hex.EncodeToString(parent[:])
	}
	if s.Status().Code == codes.Error {
		out.Status = &status{2, s.Status().Description}
	}
	return out
}

func nanoseconds(at time.Time) string { return strconv.FormatInt(at.UnixNano(), 10) }

// keyValues has texts and whole numbers, which is all that this package records.
func keyValues(all []attribute.KeyValue) (out []keyValue) {
	for _, a := range all {
		value := map[string]any{"stringValue": a.Value.String()}
		if a.Value.Type() == attribute.INT64 {
			value = map[string]any{"intValue": a.Value.String()}
		}
		out = append(out, keyValue{string(a.Key), value})
	}
	return out
}

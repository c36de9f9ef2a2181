// Package requestid gives every request a name, which its answer, the log lines about it
// and its caller's own log have in common.
package requestid

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/google/uuid"
)

// Header is the header in which callers may send an id, and in which they get it back
// (as in the NHS's other APIs: PDS FHIR API, "X-Request-ID").
const Header = "X-Request-Id" // in net/http's canonical form

// attribute is the id's name in log lines.
const attribute = "request"

type key struct{}

// Give names a request: by the id that it brings, if that is a UUID, or by a new one. It
// sets the header of the answer, and returns the context of the request with the id.
// Nothing but a UUID is accepted, because the id is logged, and anything else might be a
// patient's number.
func Give(ctx context.Context, w http.ResponseWriter, r *http.Request) context.Context {
	id, ok := sent(r.Header)
	if !ok {
		id = uuid.New()
	}
	w.Header()[Header] = []string{id.String()}
	return With(ctx, id)
}

// sent returns the id that a request brings, if it brings one.
func sent(h http.Header) (uuid.UUID, bool) {
	text := h.Get(Header)
	id, err := uuid.Parse(text)
	return id, err == nil && len(text) == 36 && id != uuid.Nil
}

// With returns a context that belongs to the request with an id.
func With(ctx context.Context, id uuid.UUID) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// ID returns the id of the request that a context belongs to, as the audit has it;
// zero if there is none.
func ID(ctx context.Context) uuid.UUID {
	id, _ := ctx.Value(key{}).(uuid.UUID)
	return id
}

// Of returns that id as text; "" if there is none.
func Of(ctx context.Context) string {
	if id := ID(ctx); id != uuid.Nil {
		return id.String()
	}
	return ""
}

// Handler returns a handler that adds the id of the request to every line that is logged
// with the request's context.
func Handler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if id := Of(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String(attribute, id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

package plain

import (
	"context"
	"log/slog"
)

// mostLogged limits one value in a log, in bytes. A stack trace fits.
const mostLogged = 8192

// Handler returns a handler that makes messages and values plain (see Text) and
// limits each value's length before it passes them on. So nobody whose data we log
// can control a terminal or fill a disk.
func Handler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	shown := slog.NewRecord(r.Time, r.Level, logged(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		shown.AddAttrs(attr(a))
		return true
	})
	return h.Handler.Handle(ctx, shown)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(all(attrs))}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

func all(attrs []slog.Attr) []slog.Attr {
	shown := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		shown[i] = attr(a)
	}
	return shown
}

func attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(logged(v.String()))
	case slog.KindGroup:
		v = slog.GroupValue(all(v.Group())...)
	case slog.KindAny:
		v = slog.StringValue(logged(v.String())) // like fmt's %+v: errors give their text
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// logged keeps line feeds, because joined errors and stacks have them and handlers quote them.
func logged(s string) string {
	if len(s) > mostLogged {
		s = s[:mostLogged] + ellipsis
	}
	return Text(s)
}

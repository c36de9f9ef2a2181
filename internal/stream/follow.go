package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"nems/internal/access"
	"nems/internal/refuse"
)

// Follow opens the stream of a subscription's events, or refuses it. Where it does not,
// then must be called: it writes until the reader, the subscription or the service ends.
//
// A reader that comes back with the id of the last event that it has goes on behind it,
// and so acknowledges everything up to it. Without one it begins behind what was
// acknowledged.
func (s *Service) Follow(w http.ResponseWriter, r *http.Request, caller access.Caller, id string) (then func(context.Context), err error) {
	q, err := readQuery(r.URL, r.Header.Get("Last-Event-ID"), "lastEventId", "form")
	if err != nil {
		return nil, err
	}
	reading, err := s.open(r.Context(), caller, id, q)
	if err != nil {
		return nil, err
	}
	if err := s.enter(caller.ODS); err != nil {
		return nil, err
	}
	s.opened()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	return func(ctx context.Context) { s.serve(ctx, w, reading) }, nil
}

// serve writes a stream. It takes the connection away from the server if it can: what
// package net/http keeps for a request, its buffers and two goroutines with what they have
// on their stacks, is several times what a stream needs that waits.
func (s *Service) serve(ctx context.Context, w http.ResponseWriter, r *reader) {
	conn, head := detach(w)
	if conn == nil { // HTTP/2, which has a connection for many requests
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Time{}) // nothing more is read, for as long as it lasts
		s.run(ctx, r, &lines{Writer: w, deadline: control.SetWriteDeadline, flush: control.Flush})
		return
	}
	ctx = context.WithoutCancel(ctx) // it ends with the request; the stream, when nothing can be written
	s.detached.Go(func() {
		defer conn.Close()
		s.run(ctx, r, &lines{Writer: conn, deadline: conn.SetWriteDeadline, flush: func() error { return nil }, head: head})
	})
}

// tidyEach is after how many new streams the memory is given back that it took to open
// them. Without that a node that rests would keep it for minutes: with ten thousand streams
// over TLS 400 MB instead of 250.
const tidyEach = 1000

// opened counts a new stream.
func (s *Service) opened() {
	if s.streams.Add(1)%tidyEach == 0 {
		s.detached.Go(debug.FreeOSMemory)
	}
}

// detach takes the connection of a request, and returns the head of the answer; nil where
// that cannot be done.
func detach(w http.ResponseWriter) (net.Conn, string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, ""
	}
	var head strings.Builder
	head.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n")
	_ = w.Header().Write(&head) // into memory
	head.WriteString("\r\n")
	return conn, head.String()
}

// run follows a subscription for a reader that was let in.
func (s *Service) run(ctx context.Context, r *reader, out *lines) {
	defer s.leave(r.caller.ODS)
	defer s.recover(ctx)
	r.follow(ctx, out)
}

// open finds the subscription and the place where reading begins.
func (s *Service) open(ctx context.Context, caller access.Caller, id string, q query) (*reader, error) {
	now, err := s.Broker.Status(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	e, err := s.endpoint(ctx, now.Subscription)
	if err != nil {
		return nil, err
	}
	if err := s.Broker.MayRead(now.Subscription); err != nil {
		return nil, err
	}
	out := &reader{Service: s, caller: caller, id: now.ID, form: e.Form, at: q.after}
	switch {
	case q.form == Message && e.Form != Message:
		return nil, refuse.AccessDenied("form: this endpoint has the form signal; its operator decides that")
	case q.form != "":
		out.form = q.form
	}
	if !q.given {
		cursor, err := s.Store.Cursor(ctx, now.ID)
		out.at = Place{now.Epoch, min(cursor.Number, now.Last)}
		return out, err
	}
	if q.acknowledges && q.after.Epoch == now.Epoch && q.after.Number <= now.Last {
		_, err = s.take(ctx, now.ID, q.after)
	}
	return out, err
}

// query is what a reader asks for.
type query struct {
	after        Place
	given        bool // after is
	acknowledges bool // what is before it
	form         Form
	values       url.Values
}

// readQuery reads the parameters of $stream or $pull: place is the one that names a
// place, if no header does.
func readQuery(u *url.URL, header, place string, names ...string) (q query, err error) {
	if q.values, err = url.ParseQuery(u.RawQuery); err != nil {
		return q, refuse.BadRequest("the query of the URL cannot be read")
	}
	allowed := map[string]bool{place: true, "_format": true}
	for _, name := range names {
		allowed[name] = true
	}
	for name, given := range q.values {
		if !allowed[name] || len(given) > 1 {
			return q, refuse.BadRequest(fmt.Sprintf("expected each parameter once, and of these: %s, %s; received another one", place, joined(names)))
		}
	}
	switch q.form = Form(q.values.Get("form")); q.form {
	case "", Signal, Message:
	default:
		return q, refuse.BadRequest("form: expected signal or message; received another value")
	}
	text, name := header, "Last-Event-ID"
	if text == "" {
		text, name = q.values.Get(place), place
	}
	if q.given = text != ""; q.given {
		if q.after, err = ParsePlace(text); err != nil {
			return q, refuse.BadRequest(name + ": " + err.Error() + "; received another form")
		}
	}
	q.acknowledges = place == "lastEventId"
	return q, nil
}

func joined(names []string) (out string) {
	for i, name := range names {
		if i > 0 {
			out += ", "
		}
		out += name
	}
	return out
}

// lines writes server-sent events. A reader that does not make room in time is cut off:
// it comes back and goes on where it was.
type lines struct {
	io.Writer
	deadline func(time.Time) error
	flush    func() error
	head     string // of the answer, if it is still to be written
}

// write writes some lines and sends them.
func (l *lines) write(format string, args ...any) error {
	_ = l.deadline(time.Now().Add(writeWithin)) // not every writer supports deadlines
	if _, err := fmt.Fprintf(l, format, args...); err != nil {
		return err
	}
	return l.flush()
}

// piece is how many bytes of a page a reader must make room for in time.
const piece = 16 << 10

// send writes a page and sends it.
func (l *lines) send(page []byte) error {
	for some := range slices.Chunk(page, piece) {
		_ = l.deadline(time.Now().Add(writeWithin))
		if _, err := l.Write(some); err != nil {
			return err
		}
	}
	return l.flush()
}

// begin writes what comes before all events.
func (l *lines) begin() error {
	head := l.head
	if l.head = ""; head != "" {
		if err := l.write("%s", head); err != nil {
			return err
		}
	}
	return l.retry()
}

// retry tells the reader when to come back, should the stream end: some seconds, and not
// all readers at once.
func (l *lines) retry() error {
	return l.write("retry: %d\n\n", 1000+rand.IntN(4000)) //nolint:gosec // only spreads load, is not used for security
}

// errEnded says that a stream is over.
var errEnded = errors.New("the stream is over")

// follow writes what is there, and then what comes.
func (r *reader) follow(ctx context.Context, out *lines) {
	bell := r.watch.join(r.id)
	defer r.watch.leave(bell)
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	err := r.aside(ctx, func() error {
		if err := out.begin(); err != nil {
			return err
		}
		return r.catchUp(ctx, out)
	})
	for beats := 0; err == nil && beats < mostBeats; {
		select {
		case <-ctx.Done():
			return
		case <-r.ending:
			err = errEnded
		case <-bell.rang:
			err = r.aside(ctx, func() error { return r.catchUp(ctx, out) })
		case <-beat.C:
			beats++
			beat.Reset(heartbeat)
			err = r.aside(ctx, func() error {
				if !r.Admitted(ctx, r.caller) {
					return errEnded
				}
				return out.write(":\n\n")
			})
		}
	}
	r.end(ctx, out, err)
}

// end tells a reader why its stream ends.
func (r *reader) end(ctx context.Context, out *lines, err error) {
	var refusal *refuse.Refusal
	switch {
	case errors.As(err, &refusal): // the subscription is gone, or no longer the caller's
		_ = out.write("event: end\ndata: {\"reason\":\"gone\"}\n\n")
	case err == nil, errors.Is(err, errEnded):
		_ = out.retry()
	case ctx.Err() == nil:
		r.Log.DebugContext(ctx, "a stream was cut off", "error", err)
	}
}

// catchUp writes everything that is there.
func (r *reader) catchUp(ctx context.Context, out *lines) error {
	for more := true; more; {
		var err error
		if more, err = r.page(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

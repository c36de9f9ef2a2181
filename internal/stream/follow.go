package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
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
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	return func(ctx context.Context) {
		defer s.leave(caller.ODS)
		defer s.recover(ctx)
		reading.follow(ctx, &lines{w: w, connection: http.NewResponseController(w)})
	}, nil
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
	w          http.ResponseWriter
	connection *http.ResponseController
}

// write writes some lines and sends them.
func (l *lines) write(format string, args ...any) error {
	_ = l.connection.SetWriteDeadline(time.Now().Add(writeWithin)) // not every writer supports deadlines
	if _, err := fmt.Fprintf(l.w, format, args...); err != nil {
		return err
	}
	return l.connection.Flush()
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
	_ = out.connection.SetReadDeadline(time.Time{}) // nothing more is read, for as long as it lasts
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	err := out.retry()
	for beats := 0; err == nil && beats < mostBeats; {
		if err = r.catchUp(ctx, out); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-r.ending:
			err = errEnded
		case <-bell.rang:
			continue
		case <-beat.C:
			beats++
			beat.Reset(heartbeat)
			if !r.Admitted(r.caller) {
				err = errEnded
				break
			}
			err = out.write(":\n\n")
		}
	}
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
		if more, err = r.step(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// step writes a page, and says whether there is more. Only so many readers hold pages
// at a time.
func (r *reader) step(ctx context.Context, out *lines) (more bool, err error) {
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	found, err := r.next(ctx)
	if err != nil {
		return false, err
	}
	if g := found.gap; g != nil {
		if err := out.write("id: %s\nevent: gap\ndata: %s\n\n", r.at, packed(g)); err != nil {
			return false, err
		}
	}
	for _, e := range found.events {
		r.at.Number = e.Number
		if err := out.write("id: %s\nevent: message\ndata: %s\n\n", r.at, r.render(e)); err != nil {
			return false, err
		}
	}
	return found.more, nil
}

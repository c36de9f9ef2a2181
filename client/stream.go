package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nems/internal/access"
	"nems/internal/jwt"
)

// Numbered is what a subscription with a stream has for one number, or a gap in the
// numbers.
type Numbered struct {
	// Place is behind this event: Stream and Pull go on from there.
	Place  string
	Number uint64
	Time   time.Time // when it was numbered
	// Event is nil where the event is not kept any more, or may not be shown any more.
	Event *Event
	// Gap says that events are missing here; then there is no event.
	Gap *Gap
}

// Event is an event as a stream has it.
type Event struct {
	ID     string `json:"id"` // MessageHeader.id: the same on every channel, and for every repeat
	Source string `json:"source,omitempty"`
	// Type is the name under which the event is signalled, EventType the event code.
	Type         string    `json:"type,omitempty"`
	EventType    string    `json:"eventtype,omitempty"`
	Time         time.Time `json:"time,omitzero"`
	Kind         string    `json:"kind,omitempty"` // new, update or delete
	Subscription string    `json:"subscription,omitempty"`
	// Data is the message; "" if the endpoint has the form signal.
	Data string `json:"data,omitempty"`
}

// Gap says why events are missing, and which.
type Gap struct {
	// Reason is purged (they are not kept any more), unknown (the place names a number
	// that was not given yet) or epoch (a backup was restored, and numbers were given
	// again).
	Reason string `json:"reason"`
	From   uint64 `json:"from,omitempty"` // the first that is missing; 0 where nobody knows
	Next   uint64 `json:"next"`           // the first that is there, or will be
}

const (
	// streamSilence is after which silence a stream is given up: the service says
	// something every 15 seconds.
	streamSilence = 45 * time.Second
	// Pauses before a stream is opened again, where the service does not say how long.
	firstPause, longestPause = time.Second, 30 * time.Second
	// mostLine is the length of the longest line of a stream, in bytes.
	mostLine = 32 << 20
)

// errSilence says that a stream was silent for too long.
var errSilence = errors.New("the stream was silent for too long")

// Stream yields the events of a subscription whose endpoint has the channel stream: those
// that are there, and then those that come, until ctx ends, the caller stops, the
// subscription is deleted or the service refuses (*Error). It connects again whenever the
// connection is lost, which acknowledges what was yielded before.
//
// after is the Place of the last event that the caller has; "" goes on behind the last one
// that was acknowledged.
func (c *Client) Stream(ctx context.Context, id, after string) iter.Seq2[Numbered, error] {
	return func(yield func(Numbered, error) bool) {
		s := streaming{Client: c, id: id, after: after, yield: yield, pause: firstPause}
		for ctx.Err() == nil {
			err := s.connect(ctx)
			var refused *Error
			switch {
			case s.stopped, ctx.Err() != nil:
				return
			case errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusTooManyRequests:
				yield(Numbered{}, err)
				return
			case refused != nil && refused.RetryAfter > 0:
				s.pause = refused.RetryAfter
			}
			select {
			case <-ctx.Done():
			case <-time.After(s.pause/2 + rand.N(s.pause/2+1)): //nolint:gosec // only spreads load, is not used for security
			}
			s.pause = min(2*s.pause, longestPause)
		}
	}
}

// streaming is one use of Stream.
type streaming struct {
	*Client
	id, after string
	yield     func(Numbered, error) bool
	pause     time.Duration // before the next connection
	stopped   bool          // by the caller, or because the subscription is gone
}

// connect opens the stream and reads it to its end.
func (s *streaming) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	call := call{
		method: http.MethodGet, path: "/STU3/Subscription/" + s.id + "/$stream", interaction: access.ReadInteraction, scope: jwt.ScopeRead,
		header: map[string]string{"Accept": "text/event-stream, application/fhir+xml;q=0.9"},
	}
	if s.after != "" {
		call.header["Last-Event-ID"] = s.after
	}
	r, err := s.request(ctx, call)
	if err != nil {
		return err
	}
	silence := time.AfterFunc(streamSilence, func() { cancel(errSilence) })
	defer silence.Stop()
	answer, err := s.patient().Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		return refusal(answer, body)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, mostLine)
	var fields eventFields
	for lines.Scan() {
		silence.Reset(streamSilence)
		if !fields.add(lines.Text()) {
			continue
		}
		if err := s.dispatch(fields); err != nil || s.stopped {
			return err
		}
		fields = eventFields{}
	}
	return lines.Err()
}

// patient returns an HTTP client that lets an answer last.
func (c *Client) patient() *http.Client {
	if c.HTTP == nil {
		return &http.Client{}
	}
	patient := *c.HTTP
	patient.Timeout = 0
	return &patient
}

// eventFields is a server-sent event that is being read (WHATWG HTML, section 9.2.6).
type eventFields struct{ id, name, data, retry string }

// add adds a line, and reports whether the event is whole.
func (f *eventFields) add(line string) bool {
	if line == "" {
		return *f != eventFields{}
	}
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "id":
		f.id = value
	case "event":
		f.name = value
	case "data":
		f.data = value // ours have one line
	case "retry":
		f.retry = value
	}
	return false
}

// dispatch hands an event to the caller.
func (s *streaming) dispatch(f eventFields) (err error) {
	if milliseconds, err := strconv.Atoi(f.retry); err == nil && milliseconds >= 0 {
		s.pause = min(time.Duration(milliseconds)*time.Millisecond, longestPause)
	}
	out := Numbered{Place: f.id}
	switch f.name {
	case "message":
		err = out.read([]byte(f.data))
	case "gap":
		err = json.Unmarshal([]byte(f.data), &out.Gap)
	case "end":
		s.stopped = true
		return nil
	default: // of a later version
		return nil
	}
	if err != nil {
		return fmt.Errorf("the stream cannot be read: %w", err)
	}
	s.stopped = !s.yield(out, nil)
	s.after = f.id
	return nil
}

// read reads an event.
func (n *Numbered) read(text []byte) error {
	var e struct {
		Number uint64    `json:"number"`
		Time   time.Time `json:"time"`
		Event  *Event    `json:"event"`
	}
	err := json.Unmarshal(text, &e)
	n.Number, n.Time, n.Event = e.Number, e.Time, e.Event
	return err
}

// Pull describes which events to pull. The zero value asks for those behind the last one
// that was acknowledged, and does not wait.
type Pull struct {
	After string        // the Place behind which to begin
	Max   int           // how many events at most; 0 for as many as an answer has
	Wait  time.Duration // how long to wait for an event, where there is none; up to 20 s
}

// Pulled is a page of events. Acknowledge it when all are safe.
type Pulled struct {
	Events []Numbered // a gap stands before the events
	// Epoch and Number are those of the last event.
	Epoch  uint32
	Number uint64
	// Next is the place behind the last event, for Pull.After.
	Next string
}

// mostPage is the size of the largest page, in bytes.
const mostPage = 32 << 20

// Pull returns the next events of a subscription whose endpoint has the channel stream.
func (c *Client) Pull(ctx context.Context, id string, p Pull) (out Pulled, err error) {
	path := "/STU3/Subscription/" + id + "/$pull?wait=" + strconv.Itoa(int(p.Wait/time.Second))
	if p.Max > 0 {
		path += "&max=" + strconv.Itoa(p.Max)
	}
	if p.After != "" {
		path += "&after=" + p.After
	}
	_, body, err := c.do(ctx, call{
		method: http.MethodGet, path: path, interaction: access.ReadInteraction, scope: jwt.ScopeRead, most: mostPage,
		header: map[string]string{"Accept": "application/json, application/fhir+xml;q=0.9"},
	})
	if err != nil {
		return out, err
	}
	var page struct {
		Epoch  uint32            `json:"epoch"`
		Events []json.RawMessage `json:"events"`
		Gap    *Gap              `json:"gap"`
		Number uint64            `json:"number"`
		Next   string            `json:"next"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return out, err
	}
	out = Pulled{Epoch: page.Epoch, Number: page.Number, Next: page.Next}
	if page.Gap != nil {
		out.Events = append(out.Events, Numbered{Place: place(page.Epoch, page.Gap.Next-1), Gap: page.Gap})
	}
	for _, text := range page.Events {
		var n Numbered
		if err := n.read(text); err != nil {
			return out, err
		}
		n.Place = place(page.Epoch, n.Number)
		out.Events = append(out.Events, n)
	}
	return out, nil
}

// ReadPlace reads the epoch and the number of a Place, for Ack.
func ReadPlace(place string) (epoch uint32, number uint64, err error) {
	if _, err = fmt.Sscanf(place, "%d-%d", &epoch, &number); err != nil {
		err = fmt.Errorf("a place, such as 1773000000-42, was expected: %w", err)
	}
	return epoch, number, err
}

func place(epoch uint32, number uint64) string { return fmt.Sprintf("%d-%d", epoch, number) }

// Ack tells the service that all events up to a number are taken: Pull and Stream begin
// behind them, and the service's operators see that they have arrived. Doing so again
// changes nothing. It returns how far the service has come, which may be less where very
// many are acknowledged at once: then do it again.
func (c *Client) Ack(ctx context.Context, id string, epoch uint32, number uint64) (uint64, error) {
	body, _ := json.Marshal(map[string]uint64{"epoch": uint64(epoch), "number": number}) // numbers: cannot fail
	_, answer, err := c.do(ctx, call{
		method: http.MethodPost, path: "/STU3/Subscription/" + id + "/$ack", interaction: access.ReadInteraction, scope: jwt.ScopeRead,
		contentType: "application/json", body: body,
	})
	if err != nil {
		return 0, err
	}
	var at struct {
		Number uint64 `json:"number"`
	}
	err = json.Unmarshal(answer, &at)
	return at.Number, err
}

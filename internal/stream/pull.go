package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"nems/internal/access"
	"nems/internal/refuse"
)

const (
	// mostPulled is how many events an answer has at most, and mostPulledBytes about how
	// many bytes.
	mostPulled      = 100
	mostPulledBytes = 4 << 20
	// mostWait is how long a request waits for an event.
	mostWait = 20 * time.Second
)

// Pulled is the answer of $pull.
type Pulled struct {
	Epoch  uint32            `json:"epoch"`
	Events []json.RawMessage `json:"events"` // as a stream has them
	// Gap says that events are missing before those that are here.
	Gap *gap `json:"gap,omitempty"`
	// Number is that of the last event that was read: acknowledge it.
	Number uint64 `json:"number"`
	Next   string `json:"next"` // the place behind it, for after
}

// Pull reads the next events of a subscription: behind those that were acknowledged, or
// behind a place. Where there are none and the reader waits, nothing is written yet and
// then must be called: it waits, and writes.
func (s *Service) Pull(w http.ResponseWriter, r *http.Request, caller access.Caller, id string) (then func(context.Context) error, err error) {
	q, err := readQuery(r.URL, "", "after", "form", "max", "wait")
	if err != nil {
		return nil, err
	}
	most, err := q.number("max", mostPulled, mostPulled)
	if err != nil {
		return nil, err
	}
	wait, err := q.number("wait", 0, int(mostWait/time.Second))
	if err != nil {
		return nil, err
	}
	reading, err := s.open(r.Context(), caller, id, q)
	if err != nil {
		return nil, err
	}
	bell := s.watch.join(reading.id) // before looking, so that nothing falls in between
	out, err := reading.pull(r.Context(), most)
	if err != nil || wait == 0 || !out.empty() {
		s.watch.leave(bell)
		if err == nil {
			out.write(w)
		}
		return nil, err
	}
	if err := s.enter(caller.ODS); err != nil {
		s.watch.leave(bell)
		return nil, err
	}
	return func(ctx context.Context) error {
		defer s.leave(caller.ODS)
		defer s.watch.leave(bell)
		until := time.NewTimer(time.Duration(wait) * time.Second)
		defer until.Stop()
		select {
		case <-ctx.Done():
		case <-s.ending:
		case <-until.C:
		case <-bell.rang:
		}
		out, err := reading.pull(ctx, most)
		if err == nil {
			out.write(w)
		}
		return err
	}, nil
}

// number reads a parameter that is a number.
func (q query) number(name string, otherwise, most int) (int, error) {
	text := q.values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, refuse.BadRequest(fmt.Sprintf("%s: expected a number up to %d; received another value", name, most))
	}
	return n, nil
}

// pull reads up to most events.
func (r *reader) pull(ctx context.Context, most int) (out Pulled, err error) {
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return out, ctx.Err()
	}
	out.Events = []json.RawMessage{}
	for more, bytes := true, 0; more && len(out.Events) < most && bytes < mostPulledBytes; {
		found, err := r.next(ctx)
		if err != nil {
			return out, err
		}
		if found.gap != nil {
			if len(out.Events) > 0 { // it comes before what the next answer has
				r.at = Place{out.Epoch, out.Number}
				break
			}
			out.Gap = found.gap
		}
		for _, e := range found.events[:min(len(found.events), most-len(out.Events))] {
			text := r.render(e)
			bytes += len(text)
			out.Events = append(out.Events, text)
			r.at.Number = e.Number
		}
		out.Epoch, out.Number, more = r.at.Epoch, r.at.Number, found.more
	}
	out.Next = r.at.String()
	return out, nil
}

// empty reports whether the answer says nothing.
func (p *Pulled) empty() bool { return len(p.Events) == 0 && p.Gap == nil }

func (p *Pulled) write(w http.ResponseWriter) {
	body := packed(p)
	writeJSON(w, body)
}

func writeJSON(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// packed is a value as JSON in one line. What browsers would take for markup stays as it
// is: most of a message is.
func packed(v any) []byte {
	var out bytes.Buffer
	w := json.NewEncoder(&out)
	w.SetEscapeHTML(false)
	_ = w.Encode(v) // numbers, texts and JSON: cannot fail
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Taken is the body of $ack, and its answer: all events up to a number are taken. It
// may be a smaller one in the answer where there are very many; then more can be
// acknowledged at once.
type Taken struct {
	Epoch  *uint32 `json:"epoch"`
	Number *uint64 `json:"number"`
}

// Acknowledge notes that a reader has taken all events up to a number, and writes how
// far it is. Doing so again changes nothing.
func (s *Service) Acknowledge(ctx context.Context, w http.ResponseWriter, caller access.Caller, id string, body []byte) error {
	var to Taken
	if err := json.Unmarshal(body, &to); err != nil || to.Epoch == nil || to.Number == nil {
		return refuse.InvalidRequestMessage(`expected {"epoch": 1, "number": 42}, as $pull answers them; received something else`)
	}
	now, err := s.Broker.Status(ctx, caller, id)
	if err != nil {
		return err
	}
	if _, err := s.endpoint(ctx, now.Subscription); err != nil {
		return err
	}
	switch {
	case *to.Epoch != now.Epoch:
		return refuse.InvalidRequestMessage(fmt.Sprintf("epoch: expected %d; received %d: a backup was restored, and numbers may have been given again. Read with $pull from there on", now.Epoch, *to.Epoch))
	case *to.Number > now.Last:
		return refuse.InvalidRequestMessage(fmt.Sprintf("number: expected %d, the last one that was given, or less; received %d", now.Last, *to.Number))
	}
	at, err := s.take(ctx, now.ID, Place{*to.Epoch, *to.Number})
	if err != nil {
		return err
	}
	writeJSON(w, packed(Taken{&at.Epoch, &at.Number}))
	return nil
}

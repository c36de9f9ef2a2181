package form

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// CloudEvent is the context attributes of a CloudEvent that says nothing about a
// patient (CloudEvents 1.0).
type CloudEvent struct {
	ID     string
	Source string
	Type   string
	Time   time.Time
	// Sequence orders the events of one subscription (extension sequence); 0: none,
	// also where an event stands for several subscriptions.
	Sequence uint64
	// Replay says that the event comes again, by this replay (our extension replay).
	Replay string
}

// CloudEvent returns the event's attributes under the name of a type.
func (e Event) CloudEvent(name string) CloudEvent {
	out := CloudEvent{ID: e.ID, Source: e.Source, Type: name, Time: e.Time, Replay: e.Replay}
	if len(e.Subscriptions) == 1 {
		out.Sequence = e.Subscriptions[0].Number
	}
	return out
}

// Headers returns the attributes in binary mode (HTTP protocol binding, section
// 3.1) for a body of a media type.
func (c CloudEvent) Headers(media string) http.Header {
	h := http.Header{"Content-Type": {media}}
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-id": c.ID, "ce-source": c.Source, "ce-type": c.Type, "ce-time": c.Time.UTC().Format(time.RFC3339Nano),
	} {
		h.Set(name, encoded(value))
	}
	if c.Sequence > 0 {
		h.Set("ce-sequence", Sequence(c.Sequence))
	}
	if c.Replay != "" {
		h.Set("ce-replay", c.Replay)
	}
	return h
}

// Sequence writes a number so that texts are in the order of their numbers.
func Sequence(n uint64) string { return fmt.Sprintf("%020d", n) }

// encoded percent-encodes what a header's value must not hold.
func encoded(value string) string {
	var out strings.Builder
	for _, c := range []byte(value) {
		if c <= ' ' || c > '~' || c == '"' || c == '%' {
			fmt.Fprintf(&out, "%%%02X", c)
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

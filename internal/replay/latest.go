package replay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/store"
)

// mostThings is how many copies a replay of the latest looks at: it keeps a number
// for each.
const mostThings = 2_000_000

var errTooMany = errors.New("too many events for the mode latest: choose a smaller range")

// version is the newest event about one thing that was seen.
type version struct {
	event  store.EventID
	at     time.Time // the change in the publisher's system
	number int64
	rank   int // new, update, delete
}

// thing is what events are about that correct each other, hashed.
type thing [16]byte

// latest finds the events of a range that no later one corrects. Which events
// correct each other is what a receiver goes by (receiver.Message's sequence): the same
// type and identifier of the focus, or for the Spine's events the same type and patient.
type latest struct {
	newest map[thing]version
	keep   map[store.EventID]bool
}

func newLatest() *latest {
	return &latest{newest: map[thing]version{}, keep: map[store.EventID]bool{}}
}

// add looks at a message; one that cannot be told apart from others is kept.
func (l *latest) add(id store.EventID, message []byte) error {
	if len(l.keep) >= mostThings {
		return errTooMany
	}
	key, v, ok := readVersion(id, message)
	if !ok {
		l.keep[id] = true
		return nil
	}
	before, known := l.newest[key]
	if known && v.compare(before) < 0 {
		return nil
	}
	if known {
		delete(l.keep, before.event)
	}
	l.newest[key], l.keep[id] = v, true
	return nil
}

// readVersion reads what an event is about and its place among those.
func readVersion(id store.EventID, message []byte) (key thing, v version, ok bool) {
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return key, v, false
	}
	e, _ := event.Read(doc)
	patient := strings.ReplaceAll(e.Routing.NHSNumber, " ", "")
	var name string
	switch {
	case e.Code == event.BirthNotification: // twins share their mother
		return key, v, false
	case strings.HasPrefix(e.Code, "pds-"):
		if patient == "" {
			return key, v, false
		}
		name = fmt.Sprintf("%q|%q|%q", e.Code, e.Source, patient)
	default:
		system, value := focus(doc, e.Focus)
		if value == "" {
			return key, v, false
		}
		name = fmt.Sprintf("%q|%q|%q|%q", e.Code, patient, cmp.Or(system, e.Source), value)
	}
	sum := sha256.Sum256([]byte(name))
	v = version{event: id, rank: slices.Index([]event.Kind{event.New, event.Update, event.Delete}, e.Kind)}
	v.at, _ = time.Parse(time.RFC3339Nano, e.LastUpdated)
	v.number, _ = strconv.ParseInt(e.VersionID, 10, 64)
	return thing(sum[:16]), v, true
}

// focus is the first identifier of the resource that an event is about.
func focus(doc *fhir.Document, reference string) (system, value string) {
	for id := range doc.References().Resolve(0, []byte(reference)).Resource.ChildrenNamed("identifier") {
		if v := id.Child("value").Value(); v != "" {
			return id.Child("system").Value(), v
		}
	}
	return "", ""
}

// compare orders versions of a thing: by the moment of the change, else by number,
// kind and acceptance.
func (v version) compare(o version) int {
	if !v.at.IsZero() && !o.at.IsZero() && !v.at.Equal(o.at) {
		return v.at.Compare(o.at)
	}
	if v.number > 0 && o.number > 0 && v.number != o.number {
		return cmp.Compare(v.number, o.number)
	}
	return cmp.Or(cmp.Compare(v.rank, o.rank), cmp.Compare(v.event, o.event))
}

// findLatest looks at the whole range, also after a restart in its middle: a
// later event may be about what was sent before.
func (r *Runner) findLatest(ctx context.Context, rep store.Replay, alive func() error) (*latest, error) {
	found := newLatest()
	err := walk(ctx, r.Queue, rep, func(c store.ReplayCopy) error {
		if c.Lost || passes(&rep, &c) != nil && c.State != store.Waiting {
			return nil
		}
		message, err := r.Queue.EventMessage(ctx, c.Event)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := alive(); err != nil {
			return err
		}
		return found.add(c.Event, message)
	})
	return found, err
}

package publisher_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nems/publisher"
)

// TestModel does what may happen in any order: messages are added, answers are lost or
// refuse, time passes, people decide. Messages of a patient arrive in the order in which they
// were added, and in the end all that were not discarded have arrived, each once.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		m := newModel(t, dir)
		defer m.close()
		r.Repeat(map[string]func(*rapid.T){
			"add": func(r *rapid.T) {
				m.add(t, rapid.SampledFrom(m.patients).Draw(r, "patient"), answersGen().Draw(r, "answers"))
			},
			"send":    func(*rapid.T) { m.w.send(t) },
			"pass":    func(r *rapid.T) { m.w.pass(time.Duration(rapid.IntRange(1, 400).Draw(r, "seconds")) * time.Second) },
			"retry":   func(*rapid.T) { m.decide(t, m.w.outbox.Retry) },
			"discard": func(*rapid.T) { m.discard(t) },
			"":        func(r *rapid.T) { m.ordered(r) },
		})
		m.end(t)
		m.ordered(r)
		if got, want := len(m.w.nems.stored()), len(m.order)-len(m.gone); got != want {
			r.Fatalf("%d messages arrived; expected %d", got, want)
		}
	})
}

func answersGen() *rapid.Generator[[]int] {
	return rapid.SliceOfN(rapid.SampledFrom([]int{
		lostAnswer, http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusUnprocessableEntity,
	}), 0, 3)
}

// model is what should be.
type model struct {
	w        *world
	patients []string
	order    []string          // ids, as added
	of       map[string]string // patient of a message
	gone     map[string]bool   // discarded before they arrived
}

func newModel(t *testing.T, dir string) *model {
	t.Helper()
	w := &world{nems: newService(t), clock: epoch}
	open(t, w, dir)
	return &model{w: w, patients: []string{jack, ann}, of: map[string]string{}, gone: map[string]bool{}}
}

func (m *model) close() {
	_ = m.w.db.Close()
	m.w.nems.server.Close()
}

func (m *model) add(t *testing.T, patient string, answers []int) {
	t.Helper()
	xml := vaccination(t, patient, m.w.now())
	id := m.w.add(t, xml)
	m.w.nems.answer(id, answers...)
	m.order, m.of[id] = append(m.order, id), patient
}

// decide lets a person act on the first refusal.
func (m *model) decide(t *testing.T, act func(ctx context.Context, id string) error) string {
	t.Helper()
	refused, err := m.w.outbox.Refusals(t.Context())
	must(t, err)
	if len(refused) == 0 {
		return ""
	}
	must(t, act(t.Context(), refused[0].ID))
	return refused[0].ID
}

// discard gives the first refused message up. Its answer may have been lost before: then it
// has arrived all the same.
func (m *model) discard(t *testing.T) {
	t.Helper()
	if id := m.decide(t, m.w.outbox.Discard); id != "" && !slices.Contains(m.w.nems.stored(), id) {
		m.gone[id] = true
	}
}

// ordered checks the order of each patient's messages.
func (m *model) ordered(r *rapid.T) {
	arrived := m.w.nems.stored()
	for _, patient := range m.patients {
		last := -1
		for _, id := range arrived {
			if m.of[id] != patient {
				continue
			}
			at := slices.Index(m.order, id)
			if at <= last {
				r.Fatalf("message %d of a patient arrived after message %d", at, last)
			}
			last = at
		}
	}
}

// end lets all that is left be sent.
func (m *model) end(t *testing.T) {
	t.Helper()
	for range 10 * (len(m.order) + 1) {
		m.w.send(t)
		m.decide(t, m.w.outbox.Retry)
		m.w.pass(publisherPause)
		if n, err := m.w.outbox.Count(t.Context()); err != nil || n[publisher.Waiting]+n[publisher.Refused] == 0 {
			must(t, err)
			return
		}
	}
}

const publisherPause = time.Hour

package simulator

import (
	"slices"
	"sync"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// history is what nodes asked of their databases, in the order of the calls, with
// the result of each call.
type history struct {
	mu    sync.Mutex
	steps []*step
}

// step is one call. The committer takes changes in the order in which they are
// submitted, so the steps that changed anything are in the order of their
// commits.
type step struct {
	op op // nil for a list that was read
	span
	got     any
	err     error
	ended   bool
	mailbox int64 // the mailbox whose list was read
	list    []store.Listed
}

// begin records a call; nil is ignored.
func (h *history) begin(o op) *step {
	if o == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &step{op: o, span: span{from: time.Now()}}
	h.steps = append(h.steps, s)
	return s
}

func (h *history) end(s *step, got any, err error) {
	if s == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.to, s.got, s.err, s.ended = time.Now(), got, err, true
}

// listed records a list before the first call that is under way, because that
// call and later ones could not be visible to it.
func (h *history) listed(mailbox int64, list []store.Listed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.IndexFunc(h.steps, func(s *step) bool { return !s.ended })
	if at < 0 {
		at = len(h.steps)
	}
	h.steps = slices.Insert(h.steps, at, &step{ended: true, mailbox: mailbox, list: list})
}

// attempted is an event that a node tried to have accepted.
type attempted struct {
	store.Acceptance
	step   *step     // the last step that tried to
	judged time.Time // the moment of acceptance, with which the ends of subscriptions were compared
	routed span      // from the first attempt to route it, if it was deferred, to the last
}

// events returns what nodes tried to have accepted.
func (h *history) events() map[store.EventID]*attempted {
	all := map[store.EventID]*attempted{}
	for _, s := range h.steps {
		switch o := s.op.(type) {
		case acceptOp:
			all[o.Event] = &attempted{Acceptance: o.Acceptance, step: s, judged: o.Facts.At}
		case routeOp:
			e := all[o.Event]
			if e.routed.from.IsZero() {
				e.routed.from = s.from
			}
			e.routed.to, e.judged = s.to, o.Facts.At
		}
	}
	return all
}

// subscriptions returns what nodes tried to create.
func (h *history) subscriptions() map[subscription.ID]*subscription.Subscription {
	all := map[subscription.ID]*subscription.Subscription{}
	for _, s := range h.steps {
		if o, ok := s.op.(*subscribeOp); ok {
			all[o.ID] = &o.Subscription
		}
	}
	return all
}

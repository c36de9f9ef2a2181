package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// oracle repeats on a disk, the model, what a node did with the SQLite store. Each
// call must have had the result that it has there, each list must have held the
// same copies in the same order, and at the end both must hold the same. If the
// outcome of a call is unknown, the audit shows whether it happened.
type oracle struct {
	book *book
	model
	found    *found
	happened map[string]bool        // according to the audit
	unsure   map[store.EventID]bool // events with calls whose outcome is not known
}

// model is a disk and its transactions.
type model struct{ *disk }

func (m model) perform(o op) (any, error) { return o.apply(&tx{disk: m.disk}) }

// key identifies an entry of the audit.
func key(e audit.Entry) string { return fmt.Sprint(e.Action, e.Object, e.At.UnixMicro()) }

// entry returns the audit entry of an operation that happened, except for the
// acceptance of an event.
func entry(o op) audit.Entry {
	switch o := o.(type) {
	case routeOp:
		return o.Audit
	case *subscribeOp:
		return o.entry
	case deleteOp:
		return o.entry
	case acknowledgeOp:
		return o.entry
	}
	return audit.Entry{}
}

// about returns the event that an operation concerns, 0 for none.
func about(o op) store.EventID {
	switch o := o.(type) {
	case acceptOp:
		return o.Event
	case routeOp:
		return o.Event
	case acknowledgeOp:
		event, _, _ := store.ParseDeliveryID(o.id)
		return event
	}
	return 0
}

// checkModel compares the history with the model.
func (b *book) checkModel(f *found) {
	o := oracle{book: b, model: model{newDisk(store.MaxFiled)}, found: f, happened: map[string]bool{}, unsure: map[store.EventID]bool{}}
	for _, e := range f.entries {
		o.happened[key(e)] = true
	}
	steps := b.sim.past.steps
	for _, s := range steps {
		if s.op != nil && errors.Is(s.err, store.ErrUnknown) {
			o.unsure[about(s.op)] = true
		}
	}
	for _, s := range steps {
		if s.op == nil {
			o.checkList(s)
		} else {
			o.checkStep(s)
		}
	}
	o.checkEnd(f)
}

// outcome returns an error in the words that both stores share.
func outcome(err error) string {
	var twin *store.DuplicateError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &twin):
		return "duplicate of " + twin.ID.String()
	case errors.Is(err, store.ErrNotFound):
		return "not found"
	case errors.Is(err, store.ErrKeyReused):
		return "key reused"
	case errors.Is(err, store.ErrUnknown):
		return "unknown"
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrClosed):
		return "not stored"
	}
	return err.Error()
}

// hasHappened reports whether a call with unknown outcome happened. After a
// restart another event can have the position of an event that was not stored:
// the stored one is the last with that position.
func (o *oracle) hasHappened(s *step) bool {
	if a, ok := s.op.(acceptOp); ok {
		e := o.found.events[a.Event]
		return e != nil && e.step == s
	}
	return o.happened[key(entry(s.op))]
}

func (o *oracle) checkStep(s *step) {
	said := outcome(s.err)
	if said == "not stored" || said == "unknown" && !o.hasHappened(s) {
		return
	}
	got, err := o.perform(s.op)
	if said == "unknown" {
		if err != nil {
			o.book.wrong("the audit says that %T happened, which the model refuses: %v", s.op, err)
		}
		return
	}
	if expected := outcome(err); said != expected {
		o.book.wrong("%T came to %q, in the model to %q", s.op, said, expected)
		return
	}
	expected, isReceipt := got.(store.Receipt)
	if isReceipt && err == nil && s.got != any(expected) {
		o.book.wrong("%T was answered %+v, by the model %+v", s.op, s.got, expected)
	}
}

// checkList compares what a mailbox listed. Copies whose state is not certain may
// be in the list or not.
func (o *oracle) checkList(s *step) {
	sure := func(all []store.Listed) []store.Listed {
		return slices.DeleteFunc(slices.Clone(all), func(l store.Listed) bool { return o.unsure[l.Position] })
	}
	if got, expected := sure(s.list), sure(o.inbox(s.mailbox)); !slices.Equal(got, expected) {
		o.book.wrong("mailbox %s listed %v, the model %v", boxes[s.mailbox-1].ID, o.names(got), o.names(expected))
	}
}

func (o *oracle) names(all []store.Listed) (names []string) {
	for _, l := range all {
		names = append(names, o.book.name(l.Position))
	}
	return names
}

// checkEnd compares what exists at the end: the events, the copies, and what
// mailboxes that are served here have received.
func (o *oracle) checkEnd(f *found) {
	for id := range f.events {
		if o.events[id] == nil {
			o.book.wrong("%s is there, in the model it is not", o.book.name(id))
		}
	}
	got := map[string]string{}
	for i := range f.copies {
		got[f.copies[i].ID] = summary(&f.copies[i])
	}
	for _, c := range o.copies {
		if got[c.ID] != summary(c) {
			o.book.wrong("%s for %s: %q, in the model %q", o.book.name(c.Event), c.MailboxID, got[c.ID], summary(c))
		}
		delete(got, c.ID)
	}
	for id, what := range got {
		o.book.wrong("%s: %q, in the model there is no such copy", id, what)
	}
}

// summary returns what both stores must agree on about a copy. The model does
// not follow the courier's progress with copies for other MESHes.
func summary(c *store.Delivery) string {
	state := c.State
	if boxes[c.Mailbox-1].Remote {
		state = ""
	}
	asked := slices.Clone(c.Subscriptions)
	slices.SortFunc(asked, func(a, b subscription.ID) int { return bytes.Compare(a[:], b[:]) })
	return fmt.Sprint(state, asked, c.PartnerID)
}

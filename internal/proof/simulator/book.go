package simulator

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/directory"
	"nems/internal/store"
	"nems/internal/subscription"
)

// book is the model of what must hold: what the actors asked for and when they
// were answered. It is written outside the code under test, and compared with
// the results when everything has settled.
type book struct {
	sim *simulation

	mu           sync.Mutex
	violations   []string
	publications []*publication
	wishes       []*wish
	downloaded   map[string]bool // by delivery id
	checkpoints  []audit.Checkpoint
}

// publication is one message and every attempt to publish it.
type publication struct {
	name     string
	number   string // of the patient
	code     string
	wrong    bool // its demographics differ from the directory's, so there must never be a copy
	key      string
	body     []byte
	attempts []attempt
}

// attempt is one call of Publish, from its beginning to its answer.
type attempt struct {
	span
	answer answer
	event  store.EventID // of an acknowledged one
}

type answer string

const (
	acknowledged answer = "acknowledged"
	refused      answer = "refused"
	unstored     answer = "unstored" // a temporary error that promises that nothing was stored
	unknown      answer = "unknown"
)

// wish is one subscription that somebody asked for, identified by its tag. A
// moment that has not come is zero.
type wish struct {
	tag, box, code   string
	number, practice string // exactly one is set
	end              time.Time
	asked, alive     time.Time // creation: first requested, answered
	ending, gone     time.Time // deletion
}

func (b *book) wrong(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.violations) < 20 {
		b.violations = append(b.violations, fmt.Sprintf(format, args...))
	}
}

// name returns the name of an event in the trace.
func (b *book) name(id store.EventID) string {
	return fmt.Sprintf("event@%.6f.%d", moment(id).Sub(b.sim.began).Seconds(), id%4096)
}

// found is the content of a database at the end.
type found struct {
	events  map[store.EventID]*attempted
	bodies  map[store.EventID][]byte
	copies  []store.Delivery
	links   []audit.Link
	entries []audit.Entry
	heads   []audit.Head
}

// look reads the content of a database. It can only find events that a node is
// known to have tried to accept.
func (b *book) look(db database) *found {
	f := &found{events: b.sim.past.events(), bodies: map[store.EventID][]byte{}}
	for id := range f.events {
		body, err := db.EventMessage(b.sim.ctx(), id)
		if errors.Is(err, store.ErrNotFound) {
			delete(f.events, id)
		} else if err != nil {
			b.wrong("%s cannot be read: %v", b.name(id), err)
		}
		f.bodies[id] = body
	}
	var err, err2 error
	f.copies, err = db.Deliveries(b.sim.ctx(), store.DeliveryQuery{Max: 1 << 20})
	f.heads, err2 = db.Heads(b.sim.ctx())
	if err := errors.Join(err, err2); err != nil {
		b.wrong("the database cannot be read: %v", err)
	}
	for l, err := range db.Links(b.sim.ctx(), time.Time{}, time.Time{}) {
		entries, err2 := l.Unpack()
		if err := errors.Join(err, err2); err != nil {
			b.wrong("audit: %v", err)
		}
		f.links, f.entries = append(f.links, l), append(f.entries, entries...)
	}
	return f
}

// check compares the results with the book.
func (b *book) check(db database) Outcome {
	f := b.look(db)
	published := map[[32]byte]*publication{}
	for _, p := range b.publications {
		published[sha256.Sum256(p.body)] = p
	}
	stored := map[*publication][]*attempted{}
	for id, e := range f.events {
		p := published[sha256.Sum256(f.bodies[id])]
		if p == nil {
			b.wrong("%s holds bytes that nobody published", b.name(id))
			continue
		}
		stored[p] = append(stored[p], e)
	}
	for _, p := range b.publications {
		b.checkStored(p, stored[p])
		for _, e := range stored[p] {
			b.checkCopies(p, e, f)
		}
	}
	b.checkDelivered(stored, f)
	b.checkAudit(f)
	if b.sim.SQLite {
		b.checkModel(f)
	}
	return Outcome{Events: len(f.events), Copies: len(f.copies)}
}

// checkStored checks that what was acknowledged is stored, that what was
// refused is not, and that many attempts with one key make one event.
func (b *book) checkStored(p *publication, events []*attempted) {
	most, acks := 0, map[store.EventID]bool{}
	for _, a := range p.attempts {
		switch a.answer {
		case acknowledged:
			most++
			acks[a.event] = true
			if !slices.ContainsFunc(events, func(e *attempted) bool { return e.Event == a.event }) {
				b.wrong("%s: acknowledged as %s and lost", p.name, b.name(a.event))
			}
		case unknown:
			most++
		}
	}
	if p.key != "" {
		most = min(most, 1)
		if len(acks) > 1 {
			b.wrong("%s: acknowledged as %d events under one key", p.name, len(acks))
		}
	}
	if len(events) > most {
		b.wrong("%s: %d events of at most %d", p.name, len(events), most)
	}
}

// window returns when the event was accepted, as far as its publisher can tell.
func (p *publication) window(e *attempted) span {
	s := span{from: p.attempts[0].from}
	for _, a := range p.attempts {
		if a.answer == acknowledged && a.event == e.Event {
			s.to = a.to
			if p.key == "" {
				s.from = a.from
			}
			break
		}
	}
	return s
}

// checkCopies compares the mailboxes that got a copy with those that had to get one, and those that
// could.
func (b *book) checkCopies(p *publication, e *attempted, f *found) {
	within := p.window(e)
	looked := within
	if e.Deferred {
		looked.to = e.routed.to
		if !slices.ContainsFunc(b.sim.pds.absences, within.overlaps) {
			b.wrong("%s: deferred although the directory was there", p.name)
		}
	} else if p.wrong {
		b.wrong("%s: accepted with another patient's demographics", p.name)
	}
	states := b.sim.pds.during(p.number, looked)
	asked := map[string]bool{}
	all := b.sim.past.subscriptions()
	for i := range f.copies {
		if f.copies[i].Event == e.Event {
			b.checkCopy(p, &f.copies[i], all, asked)
		}
	}
	for _, w := range b.wishes {
		must, may := w.wants(p, e, within, states)
		if must && !asked[w.tag] {
			b.wrong("%s: no copy for %s in %s", p.name, w.tag, w.box)
		}
		if asked[w.tag] && !may {
			b.wrong("%s: a copy for %s in %s, which did not ask for it then", p.name, w.tag, w.box)
		}
	}
}

// checkCopy records for whom a copy is, and checks its partner id.
func (b *book) checkCopy(p *publication, c *store.Delivery, all map[subscription.ID]*subscription.Subscription, asked map[string]bool) {
	var pairs []string
	for _, id := range c.Subscriptions {
		s := all[id]
		if s == nil {
			b.wrong("%s: a copy for a subscription that nobody asked for", p.name)
			continue
		}
		tag := s.Criteria.Tag
		if asked[tag] || s.Mailbox != c.MailboxID {
			b.wrong("%s: a second or misplaced copy for %s", p.name, tag)
		}
		asked[tag] = true
		pairs = append(pairs, id.String()+"|"+tag)
	}
	if len(pairs) == 0 || c.PartnerID != strings.Join(pairs, "~~~") {
		b.wrong("%s: the partner id in %s does not name its subscriptions", p.name, c.MailboxID)
	}
}

// wants reports whether an event must make a copy for the subscription, and
// whether it may. states are what the directory said about the patient in the
// meantime.
func (w *wish) wants(p *publication, e *attempted, within span, states []directory.Patient) (must, may bool) {
	if p.wrong || p.code != w.code || (!w.end.IsZero() && !w.end.After(e.judged)) {
		return false, false
	}
	some, every := false, len(states) > 0
	for _, s := range states {
		fits := !s.Sensitive && (w.number == p.number || w.practice != "" && w.practice == string(s.GP))
		some, every = some || fits, every && fits
	}
	may = some && (within.to.IsZero() || !w.asked.After(within.to)) && (w.gone.IsZero() || !w.gone.Before(within.from)) &&
		(!e.Deferred || w.gone.IsZero() || !w.gone.Before(e.routed.from))
	stays := w.ending.IsZero() || !e.Deferred && !within.to.IsZero() && !w.ending.Before(within.to)
	// A subscription that has ended is taken out of matching a minute later.
	stays = stays && (w.end.IsZero() || !within.to.IsZero() && w.end.Add(time.Minute).After(within.to))
	must = every && !w.alive.IsZero() && !w.alive.After(within.from) && stays
	return must, may
}

// checkDelivered checks that each copy has arrived unchanged: here once, and at
// the far MESH not more often than that MESH itself caused.
func (b *book) checkDelivered(stored map[*publication][]*attempted, f *found) {
	bodies := map[store.EventID][]byte{}
	for p, events := range stored {
		for _, e := range events {
			bodies[e.Event] = p.body
		}
	}
	arrived := b.arrived(bodies)
	seen := map[string]bool{}
	for _, c := range f.copies {
		name := b.name(c.Event) + " for " + c.MailboxID
		if seen[c.ID] {
			b.wrong("%s: two copies", name)
		}
		seen[c.ID] = true
		switch n := arrived[c.ID]; {
		case !boxes[c.Mailbox-1].Remote:
			if !b.downloaded[c.ID] || c.State != store.Acknowledged {
				b.wrong("%s: never collected", name)
			}
		case n == 0:
			b.wrong("%s: %s, but the far MESH does not have it", name, c.State)
		case n-1 > b.sim.mesh.excused[c.ID]:
			b.wrong("%s: %d copies at the far MESH, which excuse %d", name, n, b.sim.mesh.excused[c.ID])
		}
		delete(arrived, c.ID)
	}
	for range arrived {
		b.wrong("the far MESH has a message that is no copy")
	}
}

// arrived counts the messages at the far MESH, by local id.
func (b *book) arrived(bodies map[store.EventID][]byte) map[string]int {
	found := map[string]int{}
	all, err := b.sim.mesh.boxes.Outbox(b.sim.ctx(), ourMailbox, b.sim.began, 0, 1<<20)
	if err != nil {
		b.wrong("the far MESH cannot be read: %v", err)
	}
	for _, m := range all {
		found[m.LocalID]++
		id, row, _ := store.ParseDeliveryID(m.LocalID)
		var got bytes.Buffer
		err := b.sim.mesh.boxes.Chunk(b.sim.ctx(), &m, 1, &got)
		if err != nil || !bytes.Equal(got.Bytes(), bodies[id]) || row == 0 || !strings.EqualFold(m.Recipient, boxes[row-1].ID) {
			b.wrong("%s: changed or misplaced at the far MESH (%v)", b.name(id), err)
		}
	}
	return found
}

// unsettled returns what is still under way in a database; "" when nothing is,
// except copies that wait for an operator.
func (b *book) unsettled(db database) string {
	pending, err := db.PendingEvents(b.sim.ctx(), 0, 1)
	if err != nil || len(pending) > 0 {
		return fmt.Sprintf("events wait to be routed (%v)", err)
	}
	waiting, err := db.Deliveries(b.sim.ctx(), store.DeliveryQuery{State: store.Waiting, Max: 1})
	if err != nil || len(waiting) > 0 {
		return fmt.Sprintf("copies wait (%v)", err)
	}
	ours, err := b.sim.mesh.boxes.Mailbox(b.sim.ctx(), ourMailbox)
	n, err2 := b.sim.mesh.boxes.Count(b.sim.ctx(), ours.Row)
	if err := errors.Join(err, err2); err != nil || n > 0 {
		return fmt.Sprintf("%d reports wait (%v)", n, err)
	}
	if n := db.Stats().Depth; n > 0 {
		return fmt.Sprintf("%d operations wait in a committer", n)
	}
	return ""
}

// checkAudit verifies the chains against the checkpoints, and finds an entry
// for each event.
func (b *book) checkAudit(f *found) {
	named := map[string]bool{}
	for _, e := range f.entries {
		named[fmt.Sprint(e.Action, e.Object)] = true
	}
	for id := range f.events {
		if !named[fmt.Sprintf("publish%d", id)] {
			b.wrong("audit: no entry for %s", b.name(id))
		}
	}
	// As when a node ends: everything since the last checkpoint counts as bound.
	last := audit.Checkpoint{At: time.Now(), Heads: f.heads}
	r, err := audit.Verify(func(yield func(audit.Link, error) bool) {
		for _, l := range f.links {
			if !yield(l, nil) {
				return
			}
		}
	}, append(b.checkpoints, last))
	if err != nil || r.Found > 0 {
		b.wrong("audit: %v %v", r.Problems, err)
	}
}

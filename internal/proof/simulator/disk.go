package simulator

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// directCopies is how many copies are filed with their event; more are spread
// afterwards, from a cursor. Small, so that spreading is met often.
const directCopies = 2

// keyLife is how long an idempotency key holds (decision 20).
const keyLife = 24 * time.Hour

// disk is the one database of all nodes: what commits have reached.
type disk struct {
	mu     sync.Mutex
	last   store.EventID
	events map[store.EventID]*event
	subs   []*kept
	copies []*store.Delivery
	spread []*spreading
	keys   map[string]keyed
	lanes  map[int64]*lane
	links  []audit.Link
	chains int64
}

type event struct {
	store.Acceptance
	pending  bool
	deferred bool
	refused  string
	snapshot map[subscription.ID]bool // active at the acceptance of a deferred one
	routed   time.Time
}

type kept struct {
	subscription.Subscription
	gone bool
}

type spreading struct {
	event  store.EventID
	packed []byte
	offset int
	owner  *node // of a cursor that a planted bug holds in memory
}

type keyed struct {
	event  store.EventID
	sum    [32]byte
	copies int
	owner  *node // of a key that a planted bug holds in memory
}

type lane struct {
	store.Lane
	next time.Time
}

func newDisk() *disk {
	return &disk{events: map[store.EventID]*event{}, keys: map[string]keyed{}, lanes: map[int64]*lane{}}
}

// position hands out the next position: as late as the clock, never one that
// went before.
func (d *disk) position(now time.Time) store.EventID {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = max(d.last+1, store.PositionAt(now))
	return d.last
}

// tx is one transaction.
type tx struct {
	*disk
	node    *node
	entries []audit.Sealed
}

// op is one operation of a transaction. An error refuses it alone: it must
// have had no effect then.
type op interface {
	apply(t *tx) (any, error)
}

type acceptOp struct {
	store.Acceptance
	known []subscription.Candidate // by the planted stale cache; nil matches on the disk
}

func (o acceptOp) apply(t *tx) (any, error) {
	key := ""
	if o.Idempotency != nil {
		key = string(o.Idempotency.ASID) + "|" + o.Idempotency.Key
		if k, ok := t.keys[key]; ok && moment(k.event).Add(keyLife).After(moment(o.Event)) {
			if k.sum != o.Body.SHA256 {
				return nil, store.ErrKeyReused
			}
			t.entries = append(t.entries, audit.Seal(o.Audit))
			return store.Receipt{Event: k.event, Copies: k.copies, Repeated: true}, nil
		}
	}
	e := &event{Acceptance: o.Acceptance, deferred: o.Deferred, pending: o.Deferred, snapshot: map[subscription.ID]bool{}}
	var copies []subscription.Copy
	switch {
	case o.Deferred:
		for _, s := range t.subs {
			e.snapshot[s.ID] = !s.gone && s.Status == subscription.Active
		}
	case !o.Withheld && o.known != nil:
		copies = subscription.Match(o.known, o.Facts)
	case !o.Withheld:
		copies = subscription.Match(t.candidates(o.Facts.EventCode, nil), o.Facts)
	}
	t.events[o.Event] = e
	t.deliver(e, copies)
	if key != "" {
		k := keyed{event: o.Event, sum: o.Body.SHA256, copies: len(copies)}
		if t.node.sim.Bug == RepeatsAfterCrash {
			k.owner = t.node
		}
		t.keys[key] = k
	}
	t.entries = append(t.entries, audit.Seal(o.Audit))
	return store.Receipt{Event: o.Event, Copies: len(copies)}, nil
}

// candidates are the subscriptions to an event code; of those in among, if it
// is not nil.
func (d *disk) candidates(code string, among map[subscription.ID]bool) []subscription.Candidate {
	all := []subscription.Candidate{}
	for _, s := range d.subs {
		if s.gone || !slices.Contains(s.Criteria.Events, code) || (among != nil && !among[s.ID]) {
			continue
		}
		all = append(all, subscription.Candidate{
			ID: s.ID, Mailbox: rowOf(s.Mailbox), Key: s.Criteria.Key(), Ages: s.Criteria.Ages,
			Registration: s.Criteria.Registration, Status: s.Status, End: s.End, Tag: s.Criteria.Tag,
		})
	}
	return all
}

// deliver files the copies, or leaves them to be spread.
func (t *tx) deliver(e *event, copies []subscription.Copy) {
	if len(copies) > directCopies {
		s := &spreading{event: e.Event, packed: store.PackCopies(copies)}
		if t.node.sim.Bug == LosesCursor {
			s.owner = t.node
		}
		t.spread = append(t.spread, s)
		return
	}
	for _, c := range copies {
		t.file(e, c)
	}
}

func (t *tx) file(e *event, c subscription.Copy) {
	b := boxes[c.Mailbox-1]
	t.copies = append(t.copies, &store.Delivery{
		ID: store.DeliveryID(e.Event, c.Mailbox), Event: e.Event, Mailbox: c.Mailbox, MailboxID: b.ID, Code: e.Code,
		Workflow: e.Workflow, Size: int64(e.Body.Size), PartnerID: c.PartnerID, Subscriptions: c.Subscriptions,
		State: store.Waiting, At: moment(e.Event),
	})
	slices.SortStableFunc(t.copies, func(a, b *store.Delivery) int {
		return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Mailbox, b.Mailbox))
	})
}

// spreadOp files one copy of the oldest event that has some left, and says
// whether there was one.
type spreadOp struct{}

func (spreadOp) apply(t *tx) (any, error) {
	if len(t.spread) == 0 {
		return false, nil
	}
	s := t.spread[0]
	copies, next, err := store.UnpackCopies(s.packed, s.offset, 1)
	if err != nil {
		return nil, err
	}
	for _, c := range copies {
		t.file(t.events[s.event], c)
	}
	if s.offset = next; next >= len(s.packed) {
		t.spread = t.spread[1:]
	}
	return true, nil
}

type routeOp struct{ store.Routing }

func (o routeOp) apply(t *tx) (any, error) {
	e, ok := t.events[o.Event]
	if !ok || !e.pending {
		return nil, store.ErrNotFound
	}
	e.pending, e.refused, e.Withheld, e.routed = false, o.Refusal, o.Withheld, time.Now()
	var copies []subscription.Copy
	if o.Refusal == "" && !o.Withheld {
		copies = subscription.Match(t.candidates(o.Facts.EventCode, e.snapshot), o.Facts)
	}
	t.deliver(e, copies)
	t.entries = append(t.entries, audit.Seal(o.Audit))
	return store.Receipt{Event: o.Event, Copies: len(copies)}, nil
}

type subscribeOp struct {
	subscription.Subscription
	entry audit.Entry
}

func (o subscribeOp) apply(t *tx) (any, error) {
	for _, s := range t.subs {
		if !s.gone && s.ODS == o.ODS && s.Mailbox == o.Mailbox && s.Criteria.Text == o.Criteria.Text && !s.Ended(o.Created) {
			return nil, &store.DuplicateError{ID: s.ID}
		}
	}
	t.subs = append(t.subs, &kept{Subscription: o.Subscription})
	t.entries = append(t.entries, audit.Seal(o.entry))
	return nil, nil
}

type deleteOp struct {
	id    subscription.ID
	entry audit.Entry
}

func (o deleteOp) apply(t *tx) (any, error) {
	s := t.find(o.id)
	if s == nil {
		return nil, store.ErrNotFound
	}
	s.gone = true
	t.entries = append(t.entries, audit.Seal(o.entry))
	return nil, nil
}

// find returns a subscription that was not deleted, or nil.
func (d *disk) find(id subscription.ID) *kept {
	for _, s := range d.subs {
		if s.ID == id && !s.gone {
			return s
		}
	}
	return nil
}

// copyOf returns a copy by its event and mailbox, or nil.
func (d *disk) copyOf(id string) *store.Delivery {
	for _, c := range d.copies {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// message is the published bytes of an event.
func (d *disk) message(id store.EventID) ([]byte, error) {
	d.mu.Lock()
	e, ok := d.events[id]
	d.mu.Unlock()
	if !ok {
		return nil, store.ErrNotFound
	}
	return e.Body.Open()
}

// forget drops what a planted bug holds in the memory of a node that crashed.
func (d *disk) forget(n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spread = slices.DeleteFunc(d.spread, func(s *spreading) bool { return s.owner == n })
	for key, k := range d.keys {
		if k.owner == n {
			delete(d.keys, key)
		}
	}
}

// heads are the ends of all chains.
func (d *disk) heads() []audit.Head {
	ends := map[int64]audit.Head{}
	for _, l := range d.links {
		ends[l.Chain] = l.Head()
	}
	var all []audit.Head
	for _, h := range ends {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b audit.Head) int { return cmp.Compare(a.Chain, b.Chain) })
	return all
}

func rowOf(id string) int64 {
	for _, b := range boxes {
		if b.ID == id {
			return b.Row
		}
	}
	return 0
}

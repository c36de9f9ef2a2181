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

// fewCopies is how many copies a shared disk files together with their event.
// If there are more, they are distributed afterwards, from a cursor. The number
// is small, so that this happens often.
const fewCopies = 2

// keyLife is how long an idempotency key is remembered (decision 20).
const keyLife = 24 * time.Hour

// disk is the model of a database: the state after the commits. Two nodes share
// one instead of a store, and the history of the SQLite store is compared with
// one (oracle.go).
type disk struct {
	most   int // copies that are filed together with their event
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
	snapshot map[subscription.ID]bool // active at the acceptance of a deferred one
}

type kept struct {
	subscription.Subscription
	gone bool
}

type spreading struct {
	event  store.EventID
	packed []byte
	offset int
}

type keyed struct {
	event  store.EventID
	sum    [32]byte
	copies int
}

type lane struct {
	store.Lane
	next time.Time
}

func newDisk(most int) *disk {
	return &disk{most: most, events: map[store.EventID]*event{}, keys: map[string]keyed{}, lanes: map[int64]*lane{}}
}

// position returns the next position. It follows the clock, and is never before
// an earlier one.
func (d *disk) position(now time.Time) store.EventID {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = max(d.last+1, store.PositionAt(now))
	return d.last
}

// tx is one transaction.
type tx struct {
	*disk
	entries []audit.Sealed
}

// op is one operation of a transaction. An error refuses only this operation,
// which must then have had no effect.
type op interface {
	apply(t *tx) (any, error)
}

type acceptOp struct{ store.Acceptance }

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
	e := &event{Acceptance: o.Acceptance, pending: o.Deferred, snapshot: map[subscription.ID]bool{}}
	var copies []subscription.Copy
	switch {
	case o.Deferred:
		for _, s := range t.subs {
			e.snapshot[s.ID] = !s.gone && s.Status == subscription.Active
		}
	case !o.Withheld:
		copies = subscription.Match(t.candidates(o.Facts.EventCode, nil), o.Facts)
	}
	t.events[o.Event] = e
	t.deliver(e, copies)
	if key != "" {
		t.keys[key] = keyed{event: o.Event, sum: o.Body.SHA256, copies: len(copies)}
	}
	t.entries = append(t.entries, audit.Seal(o.Audit))
	return store.Receipt{Event: o.Event, Copies: len(copies)}, nil
}

// candidates returns the subscriptions to an event code. If among is not nil,
// only those in it are returned.
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

// deliver files the copies, or leaves them to be distributed later.
func (t *tx) deliver(e *event, copies []subscription.Copy) {
	if len(copies) > t.most {
		t.spread = append(t.spread, &spreading{event: e.Event, packed: store.PackCopies(copies)})
		return
	}
	for _, c := range copies {
		t.file(e, c)
	}
}

func (t *tx) file(e *event, c subscription.Copy) {
	t.copies = append(t.copies, delivery(e, c))
	slices.SortStableFunc(t.copies, func(a, b *store.Delivery) int {
		return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Mailbox, b.Mailbox))
	})
}

// delivery returns a copy that has not been delivered yet.
func delivery(e *event, c subscription.Copy) *store.Delivery {
	return &store.Delivery{
		ID: store.DeliveryID(e.Event, c.Mailbox), Event: e.Event, Mailbox: c.Mailbox, MailboxID: boxes[c.Mailbox-1].ID, Code: e.Code,
		Workflow: e.Workflow, Size: int64(e.Body.Size), PartnerID: c.PartnerID, Subscriptions: c.Subscriptions,
		State: store.Waiting, At: moment(e.Event),
	}
}

// spreadOp files one copy of the oldest event with copies left, and reports
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
	e.pending, e.Withheld = false, o.Withheld
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
	now   time.Time // by the clock of the caller
}

func (o *subscribeOp) apply(t *tx) (any, error) {
	for _, s := range t.subs {
		if !s.gone && s.ODS == o.ODS && s.Mailbox == o.Mailbox && s.Criteria.Text == o.Criteria.Text && !s.Ended(o.now) {
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

// message returns the published bytes of an event.
func (d *disk) message(id store.EventID) ([]byte, error) {
	d.mu.Lock()
	e, ok := d.events[id]
	d.mu.Unlock()
	if !ok {
		return nil, store.ErrNotFound
	}
	return e.Body.Open()
}

// spreads reports whether copies wait to be filed.
func (d *disk) spreads() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.spread) > 0
}

// forget drops the cursors of large fan-outs.
func (d *disk) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spread = nil
}

// heads returns the ends of all chains.
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

// acknowledgeOp removes a copy from a mailbox that is served here.
type acknowledgeOp struct {
	id    string
	at    time.Time
	entry audit.Entry
}

func (o acknowledgeOp) apply(t *tx) (any, error) {
	c := t.copyOf(o.id)
	if c == nil {
		return nil, store.ErrNotFound
	}
	if c.State == store.Waiting {
		c.State, c.At = store.Acknowledged, o.at
	}
	t.entries = append(t.entries, audit.Seal(o.entry))
	return nil, nil
}

// retryOp makes a parked copy wait again.
type retryOp struct {
	id    string
	entry audit.Entry
}

func (o retryOp) apply(t *tx) (any, error) {
	c := t.copyOf(o.id)
	if c == nil || c.State != store.Parked {
		return nil, store.ErrNotFound
	}
	c.State, c.Attempts, c.Refusals, c.First = store.Waiting, 0, 0, time.Time{}
	t.entries = append(t.entries, audit.Seal(o.entry))
	return nil, nil
}

package pds

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// answer is what PDS said about a patient.
type answer struct {
	patient directory.Patient
	absent  bool // there is no such patient
}

// give returns the answer, with a copy of what the receiver could change.
func (a answer) give() (directory.Patient, error) {
	if a.absent {
		return directory.Patient{}, directory.ErrNotFound
	}
	a.patient.Given = slices.Clone(a.patient.Given)
	return a.patient, nil
}

// cache keeps the most recently used answers. It is a map and a list rather
// than a library, because libraries read the machine's clock.
type cache struct {
	mu      sync.Mutex
	size    int
	entries map[nhs.NHSNumber]*list.Element
	order   *list.List // of *entry, the most recently used first
	// forgotten counts calls of forget. An answer that was requested before
	// such a call may be older than the change that caused the call.
	forgotten uint64
}

type entry struct {
	number nhs.NHSNumber
	answer
	from, until time.Time
}

func newCache(size int) *cache {
	return &cache{size: size, entries: map[nhs.NHSNumber]*list.Element{}, order: list.New()}
}

// get returns an answer that is still valid. If the clock was set back, answers
// from its future are invalid, so that none lives longer than its time.
func (c *cache) get(n nhs.NHSNumber, now time.Time) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, found := c.entries[n]
	if !found {
		return answer{}, false
	}
	e := at.Value.(*entry)
	if now.Before(e.from) || !now.Before(e.until) {
		c.drop(at)
		return answer{}, false
	}
	c.order.MoveToFront(at)
	return e.answer, true
}

// state must be called before PDS is asked; its result is for put.
func (c *cache) state() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forgotten
}

// put stores an answer that was requested at from, unless something was
// forgotten since.
func (c *cache) put(n nhs.NHSNumber, a answer, from time.Time, ttl time.Duration, state uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ttl <= 0 || state != c.forgotten {
		return
	}
	if at, found := c.entries[n]; found {
		c.drop(at)
	}
	for len(c.entries) >= c.size {
		c.drop(c.order.Back())
	}
	c.entries[n] = c.order.PushFront(&entry{n, a, from, from.Add(ttl)})
}

func (c *cache) forget(n nhs.NHSNumber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten++
	if at, found := c.entries[n]; found {
		c.drop(at)
	}
}

func (c *cache) drop(at *list.Element) {
	delete(c.entries, c.order.Remove(at).(*entry).number)
}

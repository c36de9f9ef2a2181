package pds

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// answer is what PDS said of a patient.
type answer struct {
	patient directory.Patient
	absent  bool // there is no such patient
}

// give hands an answer out: with a copy of what its receiver could change.
func (a answer) give() (directory.Patient, error) {
	if a.absent {
		return directory.Patient{}, directory.ErrNotFound
	}
	a.patient.Given = slices.Clone(a.patient.Given)
	return a.patient, nil
}

// cache keeps the answers asked for last. It is a map and a list rather than a
// library's, because those read the machine's clock.
type cache struct {
	mu      sync.Mutex
	size    int
	entries map[nhs.NHSNumber]*list.Element
	order   *list.List // of *entry, the one used last in front
	// forgotten counts calls of forget: an answer asked for before one of them
	// may be older than what was heard.
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

// get returns an answer that is still good. A clock that was set back makes
// answers from its future bad, so that none outlives its time.
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

// state is to be taken before PDS is asked, and handed to put.
func (c *cache) state() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forgotten
}

// put keeps an answer that was asked for at from, unless something was
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

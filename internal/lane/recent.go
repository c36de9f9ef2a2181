package lane

import (
	"context"
	"sync"
	"time"

	"nems/internal/store"
)

const (
	// recentBytes is up to how many bytes of messages are remembered for other lanes.
	recentBytes = 8 << 20
	// recentFor is for how long: lanes of subscribers to the same events are about as far.
	recentFor = 10 * time.Second
)

// recent remembers the events that were read last, because one event is owed to many
// lanes. It is safe for concurrent use. Its zero value is ready for use.
type recent struct {
	mu    sync.Mutex
	known map[store.EventID]remembered
	order []store.EventID // oldest first
	bytes int
}

type remembered struct {
	event store.Event
	until time.Time // by the machine's clock
}

// read returns an event as Outbox's Event does.
func (c *recent) read(ctx context.Context, o Outbox, id store.EventID) (store.Event, error) {
	c.mu.Lock()
	e, found := c.known[id]
	c.mu.Unlock()
	if found && time.Now().Before(e.until) {
		return e.event, nil
	}
	event, err := o.Event(ctx, id)
	if err == nil && len(event.Message) <= recentBytes/8 {
		c.add(id, event)
	}
	return event, err
}

// forget forgets all of them: nobody's data stays in memory while nothing is sent.
func (c *recent) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.order, c.bytes = nil, nil, 0
}

// add remembers an event, and forgets the oldest ones.
func (c *recent) add(id store.EventID, event store.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[store.EventID]remembered{}
	}
	before, found := c.known[id]
	c.bytes += len(event.Message) - len(before.event.Message)
	c.known[id] = remembered{event: event, until: time.Now().Add(recentFor)}
	if !found {
		c.order = append(c.order, id)
	}
	for c.bytes > recentBytes {
		c.bytes -= len(c.known[c.order[0]].event.Message)
		delete(c.known, c.order[0])
		c.order = c.order[1:]
	}
}

package lane

import (
	"context"
	"testing"

	"nems/internal/store"
)

// reads counts how often events are read.
type reads struct {
	Outbox
	of   map[store.EventID]int
	size int
}

func (o *reads) Event(_ context.Context, id store.EventID) (store.Event, error) {
	o.of[id]++
	if id == 99 {
		return store.Event{}, store.ErrDamaged
	}
	return store.Event{Message: make([]byte, o.size)}, nil
}

func TestRecentEventsAreReadOnce(t *testing.T) {
	o, c := &reads{of: map[store.EventID]int{}, size: recentBytes / 8}, &recent{}
	for range 3 {
		for id := range store.EventID(8) {
			if e, err := c.read(t.Context(), o, id); err != nil || len(e.Message) != o.size {
				t.Fatalf("event %d: %d bytes, %v", id, len(e.Message), err)
			}
		}
		_, _ = c.read(t.Context(), o, 99)
	}
	if o.of[0] != 1 || o.of[7] != 1 || o.of[99] != 3 {
		t.Errorf("read %v times; expected 1 for each event, 3 for the damaged one", o.of)
	}
	_, _ = c.read(t.Context(), o, 8) // there is room for eight
	_, _ = c.read(t.Context(), o, 1)
	_, _ = c.read(t.Context(), o, 0)
	if o.of[1] != 1 || o.of[0] != 2 {
		t.Errorf("read %v times; expected the oldest again, and no other", o.of)
	}
	c.forget()
	_, _ = c.read(t.Context(), o, 8)
	if o.of[8] != 2 || c.bytes != o.size {
		t.Errorf("read %v times, %d bytes remembered; expected nothing to be remembered", o.of, c.bytes)
	}
}

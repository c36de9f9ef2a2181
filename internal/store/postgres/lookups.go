package postgres

import (
	"container/list"
	"context"
	"sync"

	"nems/internal/directory"
)

// Bounds of the look-ups of one kind.
const (
	wavesAtOnce = 2   // queries under way
	waveSize    = 500 // keys of one query
)

// lookups remember rows that were read lately, those used longest ago forgotten first,
// and read what they do not have: whatever is asked for while queries are under way
// shares the next one, so that a burst of publishes costs few. It is a map and a list
// rather than a library, because what is read must not be kept if something was
// forgotten meanwhile. Safe for concurrent use.
type lookups[K comparable, V any] struct {
	// read reads the rows of some keys; those that there are not are missing.
	read func(ctx context.Context, keys []K) (map[K]V, error)
	size int
	turn chan struct{} // holds an element for each query under way
	work sync.WaitGroup

	mu      sync.Mutex
	entries map[K]*list.Element
	order   *list.List // of remembered rows, the most recently used first
	// doubts counts what was forgotten. A row that was requested before may be older
	// than the change.
	doubts uint64
	next   *wave[K, V] // still takes keys; nil if nobody waits for a query
}

// found is a row, or the knowledge that there is none.
type found[V any] struct {
	row    V
	absent bool
}

type entry[K comparable, V any] struct {
	key K
	found[V]
}

// wave is one query.
type wave[K comparable, V any] struct {
	keys []K
	done chan struct{}
	rows map[K]V
	err  error
}

func newLookups[K comparable, V any](size int, read func(context.Context, []K) (map[K]V, error)) *lookups[K, V] {
	return &lookups[K, V]{read: read, size: size, turn: make(chan struct{}, wavesAtOnce), entries: map[K]*list.Element{}, order: list.New()}
}

// get returns a row, or directory.ErrNotFound.
func (l *lookups[K, V]) get(ctx context.Context, key K) (V, error) {
	w, known, ok := l.join(ctx, key)
	if !ok {
		select {
		case <-w.done:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
		if w.err != nil {
			var none V
			return none, w.err
		}
		row, there := w.rows[key]
		known = found[V]{row, !there}
	}
	if known.absent {
		return known.row, directory.ErrNotFound
	}
	return known.row, nil
}

// join returns what is remembered, or else the query that will read the key.
func (l *lookups[K, V]) join(ctx context.Context, key K) (*wave[K, V], found[V], bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.entries[key]; ok {
		l.order.MoveToFront(at)
		return nil, at.Value.(*entry[K, V]).found, true
	}
	w := l.next
	if w == nil || len(w.keys) == waveSize {
		w = &wave[K, V]{done: make(chan struct{})}
		l.next = w
		// Others wait for it too, so it does not end with this caller.
		background := context.WithoutCancel(ctx)
		l.work.Go(func() { l.run(background, w) })
	}
	w.keys = append(w.keys, key)
	return w, found[V]{}, false
}

// run asks for the keys of a wave, which takes more of them until its turn comes.
func (l *lookups[K, V]) run(ctx context.Context, w *wave[K, V]) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	defer close(w.done)
	l.mu.Lock()
	if l.next == w {
		l.next = nil
	}
	doubts := l.doubts
	l.mu.Unlock()
	if w.rows, w.err = l.read(ctx, w.keys); w.err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range w.keys {
		row, there := w.rows[key]
		l.keep(key, found[V]{row, !there}, doubts)
	}
}

// state must be called before rows are read that remember gets.
func (l *lookups[K, V]) state() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubts
}

// remember keeps a row that was read together with others.
func (l *lookups[K, V]) remember(key K, f found[V], doubts uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(key, f, doubts)
}

func (l *lookups[K, V]) keep(key K, f found[V], doubts uint64) {
	if doubts != l.doubts || l.size <= 0 {
		return
	}
	if at, ok := l.entries[key]; ok {
		at.Value.(*entry[K, V]).found = f
		return
	}
	if len(l.entries) >= l.size {
		last := l.order.Back()
		delete(l.entries, l.order.Remove(last).(*entry[K, V]).key)
	}
	l.entries[key] = l.order.PushFront(&entry[K, V]{key, f})
}

// forget forgets some rows, and makes sure that none of them comes back.
func (l *lookups[K, V]) forget(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubts++
	for _, key := range keys {
		if at, ok := l.entries[key]; ok {
			l.order.Remove(at)
			delete(l.entries, key)
		}
	}
}

// clear forgets all rows.
func (l *lookups[K, V]) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubts++
	clear(l.entries)
	l.order.Init()
}

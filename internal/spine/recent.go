package spine

import "sync"

// recent remembers what was worked out lately. It forgets in two steps: when
// young is full it becomes old, and the old ones are dropped. Safe for concurrent
// use.
type recent[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]V
}

func (r *recent[K, V]) find(key K) (v V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok = r.young[key]; !ok {
		v, ok = r.old[key]
	}
	return v, ok
}

// remember keeps a value; up to most of them are young.
func (r *recent[K, V]) remember(key K, v V, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= most || r.young == nil {
		r.old, r.young = r.young, make(map[K]V)
	}
	r.young[key] = v
}

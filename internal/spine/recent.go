package spine

import "sync"

// recent remembers results that were computed recently. It forgets in two steps:
// when young is full it becomes old, and the previous old is dropped. It is safe
// for concurrent use.
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

// remember keeps a value; at most most of them are young.
func (r *recent[K, V]) remember(key K, v V, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= most || r.young == nil {
		r.old, r.young = r.young, make(map[K]V)
	}
	r.young[key] = v
}

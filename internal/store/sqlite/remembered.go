package sqlite

import (
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	// rememberedFor is how long practices and postcodes are believed without a
	// look whether something was written: an import by another process counts
	// within a second.
	rememberedFor = time.Second
	// maxRemembered is how many of each kind are kept.
	maxRemembered = 1 << 16
)

// remembered are rows of the directory that were read lately. All events of a
// region ask for the same few practices and postcodes; to read one takes twenty
// times as long as to remember it.
type remembered[K comparable, V any] struct {
	mu      sync.RWMutex
	conn    *sqlite.Conn // reads how often organisations and postcodes were written
	version int64
	asked   time.Time
	values  map[K]V
}

// get returns the value of a key, from read where it is not remembered. Errors
// are not remembered.
func (r *remembered[K, V]) get(key K, read func() (V, error)) (V, error) {
	version, err := r.current()
	if err != nil {
		var none V
		return none, err
	}
	r.mu.RLock()
	v, ok := r.values[key]
	r.mu.RUnlock()
	if ok {
		return v, nil
	}
	if v, err = read(); err != nil {
		return v, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version != version {
		return v, nil // it may have been read before what was written since
	}
	if len(r.values) >= maxRemembered {
		clear(r.values)
	}
	r.values[key] = v
	return v, nil
}

// current forgets everything when something was written since, and returns the
// version that what is remembered belongs to.
func (r *remembered[K, V]) current() (int64, error) {
	now := time.Now()
	r.mu.RLock()
	version, asked := r.version, r.asked
	r.mu.RUnlock()
	if now.Sub(asked) < rememberedFor {
		return version, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	version, err := number(r.conn, "SELECT written FROM state")
	if err != nil {
		return 0, err
	}
	if r.values == nil || version != r.version {
		r.version, r.values = version, map[K]V{}
	}
	r.asked = now
	return version, nil
}

// doubt has the next get look whether something was written.
func (r *remembered[K, V]) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = time.Time{}
}

package stream

import "sync"

// room is memory for what was read and waits to be written, in bytes. Who finds some may
// fill more than that: how much a page takes is known when it was read. No more readers
// than there are places do so at a time.
type room struct {
	mu    sync.Mutex
	free  int
	freed chan struct{} // closed when there is some again; nil while there is
}

func newRoom(bytes int) *room { return &room{free: bytes} }

// full returns nil while there is some, else what is closed when there is some again.
func (r *room) full() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.freed
}

// fill takes some. empty must follow.
func (r *room) fill(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free -= bytes; r.free <= 0 && r.freed == nil {
		r.freed = make(chan struct{})
	}
}

// empty gives some back.
func (r *room) empty(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free += bytes; r.free > 0 && r.freed != nil {
		close(r.freed)
		r.freed = nil
	}
}

package sqs

import "sync"

// places are requests that may be served at the same time, so that one caller
// leaves room for the others.
type places struct {
	ofOne, ofAll int

	mu    sync.Mutex
	taken map[string]int
	all   int
}

func newPlaces(ofOne, ofAll int) *places {
	return &places{ofOne: ofOne, ofAll: ofAll, taken: map[string]int{}}
}

// take takes a place, and returns what gives it back.
func (p *places) take(caller string) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= p.ofAll || p.taken[caller] >= p.ofOne {
		return nil, false
	}
	p.all++
	p.taken[caller]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all--
		if p.taken[caller]--; p.taken[caller] == 0 {
			delete(p.taken, caller)
		}
	}, true
}

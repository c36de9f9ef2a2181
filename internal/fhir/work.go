package fhir

import "sync/atomic"

// counter is where steps are counted while a test asks for it.
var counter atomic.Pointer[atomic.Int64]

// CountWork gives the number of steps that f takes here: elements visited and
// bytes looked at, whichever goroutine does it. It is for tests that hold work
// to the length of the input, one at a time: counts, unlike times, are the same
// on every machine.
func CountWork(f func()) int64 {
	var steps atomic.Int64
	counter.Store(&steps)
	defer counter.Store(nil)
	f()
	return steps.Load()
}

// count notes steps.
func count(steps int) {
	if c := counter.Load(); c != nil {
		c.Add(int64(steps))
	}
}

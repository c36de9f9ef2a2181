package fhir

import "sync/atomic"

// counter is where steps are counted while a test counts them.
var counter atomic.Pointer[atomic.Int64]

// CountWork returns how many steps f takes in this package: elements visited
// and bytes looked at, in any goroutine. It is for tests that compare the work
// with the length of the input; only one may run at a time. Counts, unlike
// times, are the same on every machine.
func CountWork(f func()) int64 {
	var steps atomic.Int64
	counter.Store(&steps)
	defer counter.Store(nil)
	f()
	return steps.Load()
}

// count adds steps.
func count(steps int) {
	if c := counter.Load(); c != nil {
		c.Add(int64(steps))
	}
}

//go:build race

package fhir

// fewer is larger under the race detector, which has nothing to find in them: one
// goroutine reads one document after the other. "make test" runs them in full too.
const fewer = 10

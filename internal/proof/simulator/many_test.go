//go:build !race

package simulator

// many is how many seeds a test run has: 35 ms of processor time each.
const many, plants = 1000, true

//go:build !race

package simulator

// many is how many seeds a test run has: 15 ms of processor time each.
const many = 1000

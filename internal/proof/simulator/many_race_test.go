//go:build race

package simulator

// many is smaller under the race detector, with which a seed takes ten times
// as long.
const many = 300

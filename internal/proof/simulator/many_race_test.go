//go:build race

package simulator

// many is smaller under the race detector, which makes a seed take ten times as
// long. Planted bugs are only tested without it.
const many, plants = 64, false

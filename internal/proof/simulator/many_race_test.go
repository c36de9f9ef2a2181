//go:build race

package simulator

// many is smaller under the race detector, with which a seed takes ten times
// as long. Planted bugs are looked for without it.
const many, plants = 200, false

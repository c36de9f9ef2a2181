package world

import (
	"hash/fnv"
	"math/rand/v2"
)

// random draws from a seed. Each purpose has its own, so that one more draw for one
// thing does not change all others.
type random struct{ *rand.Rand }

func newRandom(seed uint64, purpose string) random {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return random{rand.New(rand.NewPCG(seed, h.Sum64()))} //nolint:gosec // nothing secret
}

func (r random) intn(n int) int { return r.IntN(n) }

// between returns a number from least to most, both included.
func (r random) between(least, most int) int { return least + r.IntN(most-least+1) }

// percent is true in p of a hundred cases.
func (r random) percent(p int) bool { return r.IntN(100) < p }

// weighted returns an index, each as often as its weight says.
func (r random) weighted(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := r.IntN(sum)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func pick[T any](r random, from []T) T { return from[r.IntN(len(from))] }

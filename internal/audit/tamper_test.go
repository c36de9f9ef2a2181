package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// change is one way to tamper with a stored audit. It returns a description of what it did.
type change func(r *rand.Rand, links []Link) ([]Link, string)

// changes are edits, deletions, reordering and truncation, and changes by
// somebody who recomputes all hashes but has no key.
var changes = []change{
	func(r *rand.Rand, links []Link) ([]Link, string) {
		i := r.IntN(len(links))
		links[i].Entries = slices.Clone(links[i].Entries)
		at := r.IntN(len(links[i].Entries))
		links[i].Entries[at] ^= 1 << r.IntN(8)
		return links, fmt.Sprintf("a bit of entry byte %d of link %d", at, i)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		i, by := r.IntN(len(links)), time.Duration(1+r.IntN(1000))*time.Microsecond
		links[i].At = links[i].At.Add(by)
		return links, fmt.Sprintf("link %d is %s later", i, by)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		i := r.IntN(len(links))
		links[i].Hash[r.IntN(len(Hash{}))] ^= 1 << r.IntN(8)
		return links, fmt.Sprintf("a bit of the hash of link %d", i)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		i := r.IntN(len(links))
		links[i].Seq += 1 + r.Int64N(3)
		return links, fmt.Sprintf("the number of link %d", i)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		from := r.IntN(len(links))
		to := from + 1 + r.IntN(len(links)-from)
		return slices.Delete(links, from, to), fmt.Sprintf("links %d to %d deleted", from, to-1)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		n := 1 + r.IntN(len(links)-1)
		return links[:len(links)-n], fmt.Sprintf("the last %d links cut off", n)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		i := r.IntN(len(links))
		return slices.Insert(links, i, links[i]), fmt.Sprintf("link %d twice", i)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		i := r.IntN(3) // chain 1 has four links
		j := i + 1 + r.IntN(3-i)
		links[i], links[j] = links[j], links[i]
		return links, fmt.Sprintf("links %d and %d in the place of each other", i, j)
	},
	func(r *rand.Rand, links []Link) ([]Link, string) {
		i := r.IntN(len(links))
		links[i].Entries = pack([]Sealed{Seal(Entry{At: at, Action: "forged", Status: r.IntN(600)})})
		rehash(links)
		return links, fmt.Sprintf("link %d written anew, and all hashes", i)
	},
}

// rehash recomputes the hashes of all links, chain by chain.
func rehash(links []Link) {
	ends := map[int64]Hash{}
	for i := range links {
		l := &links[i]
		for h := range l.Heads {
			l.Heads[h].Hash = ends[l.Heads[h].Chain]
		}
		root, _, err := rootOf(l.Entries)
		if err != nil {
			panic(err) // cannot happen: they were just packed
		}
		l.Hash = linkHash(l, ends[l.Chain], root)
		ends[l.Chain] = l.Hash
	}
}

// Verify finds each of 1,000 changes to an audit whose end is in a checkpoint,
// and then vouches for nothing.
func TestEveryChangeIsFound(t *testing.T) {
	whole := day()
	checkpoints := kept(t, nil, []Head{whole[1].Head()}, []Head{whole[len(whole)-1].Head()})
	if r := verified(t, whole, checkpoints...); r.Found != 0 {
		t.Fatalf("untouched: %+v", r)
	}
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 0))
		links := slices.Clone(whole)
		for i := range links {
			links[i].Heads = slices.Clone(links[i].Heads)
		}
		changed, what := changes[seed%uint64(len(changes))](r, links)
		if report := verified(t, changed, checkpoints...); report.Found == 0 || !report.Vouched.IsZero() {
			t.Errorf("seed %d: %s: %+v", seed, what, report)
		}
	}
}

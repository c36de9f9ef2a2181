package audit

import (
	"fmt"
	"iter"
	"time"
)

// maxProblems limits a report. Further problems are only counted.
const maxProblems = 100

// Problem is one thing that Verify found wrong.
type Problem struct {
	Chain, Seq int64 // 0 means that it concerns no link
	Text       string
}

func (p Problem) String() string {
	switch {
	case p.Chain == 0:
		return p.Text
	case p.Seq == 0:
		return fmt.Sprintf("chain %d: %s", p.Chain, p.Text)
	}
	return fmt.Sprintf("chain %d, link %d: %s", p.Chain, p.Seq, p.Text)
}

// Report is what Verify found.
type Report struct {
	Chains, Links, Entries int
	// Checkpoints is how many were given.
	Checkpoints int
	// Problems lists the first hundred; Found counts all. If there are none,
	// nothing was edited, removed, reordered or inserted up to Vouched.
	Problems []Problem
	Found    int
	// Vouched is the moment of the last checkpoint that the chains confirm. It is
	// zero when no checkpoint was given or there are problems.
	Vouched time.Time
	// Beyond counts what no checkpoint vouches for. It is linked without a gap,
	// but somebody who can write to the database may have rewritten it, or cut
	// off its end. Without checkpoints it is everything.
	Beyond Beyond
}

// Beyond counts links that no checkpoint vouches for.
type Beyond struct {
	Links, Entries int
	First, Last    time.Time // their moments; zero if there are none
}

// recent is how many links of each chain are remembered. Nodes commit
// concurrently, so a chain may have grown beyond an end that a new chain names
// before the new chain's first commit.
const recent = 4096

// Verify recomputes every link. links yields the links of each chain in their
// order. Chains may be interleaved, but a link that a first link names must then
// be among the last few thousand links of its chain. An error from links ends
// the verification and is returned.
//
// With checkpoints, a chain counts only as far as it is bound: a checkpoint
// names a link of it, or the first link of a bound chain does. Nobody can make a
// bound chain without the signing key.
func Verify(links iter.Seq2[Link, error], checkpoints []Checkpoint) (Report, error) {
	v := verifier{ends: map[int64]Head{}, wanted: map[point]naming{}, lately: map[point]Hash{}, named: map[int64][]naming{}, tails: map[int64]*tail{}}
	v.Checkpoints = len(checkpoints)
	for _, text := range gaps(checkpoints) {
		v.found(0, 0, text)
	}
	for _, c := range checkpoints {
		for _, h := range c.Heads {
			v.want(h, 0)
		}
	}
	for l, err := range links {
		if err != nil {
			return v.Report, err
		}
		v.link(&l)
	}
	for p := range v.wanted {
		v.found(p.chain, p.seq, "missing, but a checkpoint or a later chain names it: removed or cut off")
	}
	v.Chains = len(v.ends)
	v.bind()
	if v.Found == 0 {
		for _, c := range checkpoints {
			if c.At.After(v.Vouched) {
				v.Vouched = c.At
			}
		}
	}
	return v.Report, nil
}

// point is a place in a chain.
type point struct{ chain, seq int64 }

// naming says that a link is named: by a checkpoint (by is 0), or by the first
// link of the chain by.
type naming struct {
	by   int64
	head Head
}

// tail is what a chain has after a link, which is the last one that had been
// named when it was read.
type tail struct {
	from   int64 // the link after which it begins
	beyond Beyond
}

type verifier struct {
	Report
	ends   map[int64]Head     // as far as each chain has been read
	wanted map[point]naming   // named by checkpoints and first links, but not read yet
	lately map[point]Hash     // the last links of each chain
	named  map[int64][]naming // links that were read, by who names them
	tails  map[int64]*tail
}

// want records that a link with this hash must exist.
func (v *verifier) want(h Head, by int64) {
	p := point{h.Chain, h.Seq}
	end, begun := v.ends[h.Chain]
	switch other, twice := v.wanted[p]; {
	case h.Seq == 0: // a chain without links binds nothing
	case twice && other.head.Hash != h.Hash:
		v.found(h.Chain, h.Seq, "named twice, with different hashes")
	case begun && end.Seq >= h.Seq:
		if hash, known := v.lately[p]; !known {
			v.found(h.Chain, h.Seq, "named by a chain that starts long after its successors: out of order")
		} else if hash != h.Hash {
			v.found(h.Chain, h.Seq, "differs from what a later chain names")
		} else {
			v.met(naming{by, h})
		}
	case !twice || other.by != 0: // a checkpoint outranks a chain
		v.wanted[p] = naming{by, h}
	}
}

// met records that a link exists as it was named.
func (v *verifier) met(n naming) { v.named[n.by] = append(v.named[n.by], n) }

// link checks one link against the previous one and against what was named.
func (v *verifier) link(l *Link) {
	v.Links++
	end := v.ends[l.Chain]
	if l.Seq != end.Seq+1 {
		v.found(l.Chain, l.Seq, fmt.Sprintf("follows link %d: removed, repeated or reordered", end.Seq))
	}
	if l.Seq != 1 && len(l.Heads) > 0 {
		v.found(l.Chain, l.Seq, "names other chains, which only a first link does")
	}
	root, n, err := rootOf(l.Entries)
	v.Entries += n
	switch {
	case err != nil:
		v.found(l.Chain, l.Seq, "its entries cannot be read")
	case linkHash(l, end.Hash, root) != l.Hash:
		v.found(l.Chain, l.Seq, "its hash is another: edited, or its predecessor is not the one it was chained to")
	}
	v.ends[l.Chain] = l.Head()
	p := point{l.Chain, l.Seq}
	v.lately[p] = l.Hash
	delete(v.lately, point{l.Chain, l.Seq - recent})
	v.grow(l, n)
	if wanted, ok := v.wanted[p]; ok {
		delete(v.wanted, p)
		if wanted.head.Hash != l.Hash {
			v.found(l.Chain, l.Seq, "differs from what a checkpoint or a later chain names")
		} else {
			v.met(wanted)
			v.tails[l.Chain] = &tail{from: l.Seq}
		}
	}
	for _, h := range l.Heads {
		v.want(h, l.Chain)
	}
}

// grow counts a link after the last named link of its chain.
func (v *verifier) grow(l *Link, entries int) {
	t := v.tails[l.Chain]
	if t == nil {
		t = &tail{}
		v.tails[l.Chain] = t
	}
	t.beyond.add(Beyond{Links: 1, Entries: entries, First: l.At, Last: l.At})
}

func (b *Beyond) add(more Beyond) {
	b.Links += more.Links
	b.Entries += more.Entries
	if b.First.IsZero() || !more.First.IsZero() && more.First.Before(b.First) {
		b.First = more.First
	}
	if more.Last.After(b.Last) {
		b.Last = more.Last
	}
}

// bind follows who vouches for whom, starting from the checkpoints. A chain for
// which nobody vouches was inserted. Links after the last vouched link of a bound
// chain are Beyond.
func (v *verifier) bind() {
	bound := map[int64]int64{}
	for todo := []int64{0}; len(todo) > 0; todo = todo[1:] {
		for _, n := range v.named[todo[0]] {
			if _, known := bound[n.head.Chain]; !known {
				todo = append(todo, n.head.Chain)
			}
			bound[n.head.Chain] = max(bound[n.head.Chain], n.head.Seq)
		}
	}
	for chain, t := range v.tails {
		seq, vouched := bound[chain]
		if v.Checkpoints > 0 && !vouched {
			v.found(chain, 0, "neither a checkpoint nor a chain that one vouches for names it: inserted, or begun in the moments before the service was killed, until its next start")
		}
		if seq < v.ends[chain].Seq {
			v.Beyond.add(t.beyond)
		}
	}
}

// rootOf recomputes the Merkle root of packed entries and counts them.
func rootOf(packed []byte) (Hash, int, error) {
	entries, err := unpack(packed)
	if err != nil {
		return Hash{}, 0, err
	}
	leaves := make([]Hash, len(entries))
	for i, e := range entries {
		if _, err := Decode(e); err != nil {
			return Hash{}, i, err
		}
		leaves[i] = leafHash(e)
	}
	return merkleRoot(leaves), len(entries), nil
}

func (v *verifier) found(chain, seq int64, text string) {
	v.Add(Problem{Chain: chain, Seq: seq, Text: text})
}

// Add counts a problem, and lists it if there is room.
func (r *Report) Add(p Problem) {
	r.Found++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, p)
	}
}

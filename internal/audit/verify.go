package audit

import (
	"fmt"
	"iter"
	"time"
)

// maxProblems limits a report: after so many the rest is only counted.
const maxProblems = 100

// Problem is one thing that Verify found wrong.
type Problem struct {
	Chain, Seq int64 // 0: it is no link's
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
	// Problems lists the first hundred; Found counts all. None: nothing was
	// edited, removed, reordered or inserted up to Vouched.
	Problems []Problem
	Found    int
	// Vouched is the moment of the last checkpoint that the chains bear out. Zero:
	// no checkpoint was given, or there are problems.
	Vouched time.Time
	// Beyond is what no checkpoint vouches for: it is linked without a gap, but
	// somebody who can write to the database can have rewritten it, and cut off
	// its end. Without checkpoints that is everything.
	Beyond Beyond
}

// Beyond counts links that nobody vouches for.
type Beyond struct {
	Links, Entries int
	First, Last    time.Time // their moments; zero without
}

// recent is how many links of each chain are remembered. Nodes commit side by
// side: a chain that starts names ends that may have grown by its first commit.
const recent = 4096

// Verify recomputes every link. links yields each chain in the order of its
// links; chains may be interleaved, but what a first link binds must be among
// the last few thousand links of its chain by then. An error from links ends
// the verification and is returned.
//
// With checkpoints a chain counts only as far as it is bound: a checkpoint names
// a link of it, or the first link of a chain that is bound itself does. Without
// the signing key nobody can make a chain that is.
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
		v.found(p.chain, p.seq, "missing, although a checkpoint or a later chain names it: removed or cut off")
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

// naming is a link that somebody names: a checkpoint (by 0), or the first link
// of a chain.
type naming struct {
	by   int64
	head Head
}

// tail is what a chain has behind a link: counted from the last link that was
// named when it passed.
type tail struct {
	from   int64 // the link behind which it begins
	beyond Beyond
}

type verifier struct {
	Report
	ends   map[int64]Head     // as far as each chain has been read
	wanted map[point]naming   // named by checkpoints and first links, not yet met
	lately map[point]Hash     // the last links of each chain
	named  map[int64][]naming // links that were met, by who names them
	tails  map[int64]*tail
}

// want notes that a link must exist with this hash.
func (v *verifier) want(h Head, by int64) {
	p := point{h.Chain, h.Seq}
	end, begun := v.ends[h.Chain]
	switch other, twice := v.wanted[p]; {
	case h.Seq == 0: // a chain that had no link yet binds nothing
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
	case !twice || other.by != 0: // a checkpoint's word is worth more
		v.wanted[p] = naming{by, h}
	}
}

// met notes that a link is there as it was named.
func (v *verifier) met(n naming) { v.named[n.by] = append(v.named[n.by], n) }

// link checks one link against the one before it and against what is wanted.
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

// grow counts a link behind the last one of its chain that was named.
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

// bind follows who vouches for whom, from the checkpoints on. A chain that nobody
// vouches for was inserted. What is behind the last link of a chain that somebody
// vouches for is beyond.
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

// Add counts a problem.
func (r *Report) Add(p Problem) {
	r.Found++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, p)
	}
}

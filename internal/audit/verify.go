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
	Chain, Seq int64
	Text       string
}

func (p Problem) String() string { return fmt.Sprintf("chain %d, link %d: %s", p.Chain, p.Seq, p.Text) }

// Report is what Verify found.
type Report struct {
	Chains, Links, Entries int
	// Problems lists the first hundred; Found counts all. None: nothing was
	// edited, removed or reordered up to Vouched.
	Problems []Problem
	Found    int
	// Vouched is the moment of the last checkpoint that the chains bear out.
	// What came later is linked without a gap, but links at its very end could
	// be missing. Zero: no checkpoint was given, or there are problems.
	Vouched time.Time
}

// recent is how many links of each chain are remembered. Nodes commit side by
// side: a chain that starts names ends that may have grown by its first commit.
const recent = 4096

// Verify recomputes every link. links yields each chain in the order of its
// links; chains may be interleaved, but what a first link binds must be among
// the last few thousand links of its chain by then. An error from links ends
// the verification and is returned.
func Verify(links iter.Seq2[Link, error], checkpoints []Checkpoint) (Report, error) {
	v := verifier{ends: map[int64]Head{}, wanted: map[point]Hash{}, lately: map[point]Hash{}}
	for _, c := range checkpoints {
		for _, h := range c.Heads {
			v.want(h)
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

type verifier struct {
	Report
	ends   map[int64]Head // as far as each chain has been read
	wanted map[point]Hash // named by checkpoints and first links, not yet met
	lately map[point]Hash // the last links of each chain
}

// want notes that a link must exist with this hash.
func (v *verifier) want(h Head) {
	p := point{h.Chain, h.Seq}
	end, begun := v.ends[h.Chain]
	switch other, twice := v.wanted[p]; {
	case h.Seq == 0: // a chain that had no link yet binds nothing
	case twice && other != h.Hash:
		v.found(h.Chain, h.Seq, "named twice, with different hashes")
	case begun && end.Seq >= h.Seq:
		if hash, known := v.lately[p]; !known {
			v.found(h.Chain, h.Seq, "named by a chain that starts long after its successors: out of order")
		} else if hash != h.Hash {
			v.found(h.Chain, h.Seq, "differs from what a later chain names")
		}
	default:
		v.wanted[p] = h.Hash
	}
}

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
	if hash, ok := v.wanted[p]; ok {
		delete(v.wanted, p)
		if hash != l.Hash {
			v.found(l.Chain, l.Seq, "differs from what a checkpoint or a later chain names")
		}
	}
	for _, h := range l.Heads {
		v.want(h)
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
	v.Found++
	if len(v.Problems) < maxProblems {
		v.Problems = append(v.Problems, Problem{Chain: chain, Seq: seq, Text: text})
	}
}

package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Hash is a SHA-256.
type Hash = [sha256.Size]byte

// Sealed is an encoded entry with its leaf hash, so that a committer only has
// to combine hashes.
type Sealed struct {
	data []byte
	leaf Hash
}

// Seal encodes and hashes an entry.
func Seal(e Entry) Sealed {
	data := e.Encode()
	return Sealed{data: data, leaf: leafHash(data)}
}

// Head identifies the last link of a chain.
type Head struct {
	Chain int64 // number of the chain; later chains have larger ones
	Seq   int64 // 1 for the first link
	Hash  Hash
}

// Link is one batch of entries, chained to the batch before it.
type Link struct {
	Chain int64
	Seq   int64
	At    time.Time // moment of the commit, to the microsecond
	// Heads are the ends of other chains, which the first link of a chain
	// binds; nil on all other links.
	Heads   []Head
	Entries []byte // packed, see Unpack
	Hash    Hash   // over all fields above and the hash of the previous link
}

// Head returns the link as the end of its chain.
func (l Link) Head() Head { return Head{Chain: l.Chain, Seq: l.Seq, Hash: l.Hash} }

// Chain grows by one link for each commit. It belongs to one committer, from
// its start to its stop, and is not safe for concurrent use.
type Chain struct {
	head Head
	seen []Head
}

// NewChain starts a chain. seen are the ends of earlier chains that no other
// chain has bound yet; binding them prevents a whole chain from vanishing
// unnoticed.
func NewChain(number int64, seen []Head) *Chain {
	return &Chain{head: Head{Chain: number}, seen: seen}
}

// Head returns the end of the chain; Seq 0 means that it has no link yet.
func (c *Chain) Head() Head { return c.head }

// Next makes the following link without moving the chain, so that a batch that
// is rolled back leaves no trace. Extend moves the chain after the commit.
func (c *Chain) Next(at time.Time, entries []Sealed) Link {
	l := Link{Chain: c.head.Chain, Seq: c.head.Seq + 1, At: time.UnixMicro(at.UnixMicro()).UTC(), Entries: pack(entries)}
	if l.Seq == 1 {
		l.Heads = c.seen
	}
	leaves := make([]Hash, len(entries))
	for i, e := range entries {
		leaves[i] = e.leaf
	}
	l.Hash = linkHash(&l, c.head.Hash, merkleRoot(leaves))
	return l
}

// Extend makes a committed link the end of the chain.
func (c *Chain) Extend(l Link) { c.head = l.Head() }

// linkVersion is the first byte that is hashed of every link.
const linkVersion = 1

// linkHash binds the whole content of a link to the link before it.
func linkHash(l *Link, prev, root Hash) Hash {
	b := make([]byte, 0, 128)
	b = append(b, linkVersion)
	for _, n := range []int64{l.Chain, l.Seq, l.At.UnixMicro(), int64(len(l.Heads))} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, EncodeHeads(l.Heads)...)
	b = append(b, prev[:]...)
	b = append(b, root[:]...)
	return sha256.Sum256(b)
}

// EncodeHeads writes heads as 48 bytes each: chain, number, hash.
func EncodeHeads(heads []Head) []byte {
	b := make([]byte, 0, headSize*len(heads))
	for _, h := range heads {
		b = binary.BigEndian.AppendUint64(b, uint64(h.Chain))
		b = binary.BigEndian.AppendUint64(b, uint64(h.Seq))
		b = append(b, h.Hash[:]...)
	}
	return b
}

const headSize = 16 + sha256.Size

// DecodeHeads reads what EncodeHeads wrote, or returns ErrEncoding.
func DecodeHeads(b []byte) ([]Head, error) {
	if len(b)%headSize != 0 {
		return nil, ErrEncoding
	}
	var heads []Head
	for ; len(b) > 0; b = b[headSize:] {
		heads = append(heads, Head{
			Chain: int64(binary.BigEndian.Uint64(b)),
			Seq:   int64(binary.BigEndian.Uint64(b[8:])),
			Hash:  Hash(b[16:headSize]),
		})
	}
	return heads, nil
}

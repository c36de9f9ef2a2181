package audit

import (
	"crypto/sha256"
	"encoding/binary"
)

// Leaves and nodes are hashed with different prefixes, so that a node cannot
// pass for an entry (RFC 6962, section 2.1).
const (
	leafPrefix = 0
	nodePrefix = 1
)

func leafHash(data []byte) Hash {
	h := sha256.New()
	h.Write([]byte{leafPrefix})
	h.Write(data)
	return Hash(h.Sum(nil))
}

// merkleRoot combines leaves in pairs; an odd one moves up alone, as in the
// tree of RFC 6962. It overwrites leaves.
func merkleRoot(leaves []Hash) Hash {
	if len(leaves) == 0 {
		return sha256.Sum256(nil)
	}
	for len(leaves) > 1 {
		n := 0
		for i := 0; i < len(leaves); i += 2 {
			if i+1 == len(leaves) {
				leaves[n] = leaves[i]
			} else {
				leaves[n] = nodeHash(leaves[i], leaves[i+1])
			}
			n++
		}
		leaves = leaves[:n]
	}
	return leaves[0]
}

func nodeHash(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// pack writes entries one after the other, each preceded by its length.
func pack(entries []Sealed) []byte {
	size := 0
	for _, e := range entries {
		size += len(e.data) + binary.MaxVarintLen32
	}
	b := make([]byte, 0, size)
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(len(e.data)))
		b = append(b, e.data...)
	}
	return b
}

// unpack returns the encoded entries of a link, or ErrEncoding.
func unpack(b []byte) ([][]byte, error) {
	d := decoder{rest: b}
	var out [][]byte
	for len(d.rest) > 0 {
		out = append(out, d.bytes())
	}
	if d.failed {
		return nil, ErrEncoding
	}
	return out, nil
}

// Unpack decodes the entries of a link, or returns ErrEncoding.
func (l Link) Unpack() ([]Entry, error) {
	encoded, err := unpack(l.Entries)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(encoded))
	for i, b := range encoded {
		if entries[i], err = Decode(b); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

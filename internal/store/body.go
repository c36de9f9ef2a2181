package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// MaxMessage is the size in bytes up to which a stored body is unpacked. A body
// that claims more is damaged, because an event message has at most 3 MB (NEMS
// specification, "Generic Event Message Requirements").
const MaxMessage = 4 << 20

// ErrDamaged says that stored bytes are not the ones that were published.
var ErrDamaged = errors.New("a stored message no longer has its checksum")

// The decoder is shared: DecodeAll is safe for concurrent use.
var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxMessage))
	if err != nil {
		panic(err) // fixed options: cannot fail
	}
	return d
})

// Compress packs a message whose SHA-256 is sum. The result shares memory with
// message only if packing gains nothing.
func Compress(message []byte, sum [32]byte) Body {
	codec, data := Pack(message)
	return Body{Codec: codec, Data: data, Size: len(message), SHA256: sum}
}

// Pack packs bytes. The result shares memory with plain only if packing gains
// nothing.
//
// S2 packs the official vaccination message to 3.7 KB in 7 microseconds. The
// fastest zstd packs it to 2.8 KB in 35 microseconds, which was a sixth of the
// cost of a publish.
func Pack(plain []byte) (Codec, []byte) {
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	if need := s2.MaxEncodedLen(len(plain)); len(*room) < need && need <= maxRoom {
		*room = make([]byte, need)
	}
	packed := s2.Encode(*room, plain)
	if len(packed) >= len(plain) {
		return Plain, plain
	}
	// A copy of exactly this length, because bodies wait in the committer's queue.
	return S2, bytes.Clone(packed)
}

// rooms holds the buffers that S2 packs into. S2 needs a buffer large enough
// for a message that does not get shorter. Buffers larger than maxRoom are not
// kept.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

const maxRoom = 256 << 10

// Open unpacks a stored message. It returns ErrDamaged when the bytes are not
// the published ones.
func (b Body) Open() ([]byte, error) {
	message, err := Unpack(b.Codec, b.Data, b.Size)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(message) != b.SHA256 {
		return nil, ErrDamaged
	}
	return message, nil
}

// Unpack is the inverse of Pack; size is the expected number of bytes. It
// returns ErrDamaged for anything that Pack would not have written.
func Unpack(codec Codec, data []byte, size int) ([]byte, error) {
	switch codec {
	case Plain:
		return data, nil
	case S2:
		// The length comes first in the data, so it is checked before memory is allocated.
		n, err := s2.DecodedLen(data)
		if err != nil || n > MaxMessage {
			return nil, ErrDamaged
		}
		plain, err := s2.Decode(nil, data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return plain, nil
	case Zstd:
		plain, err := decoder().DecodeAll(data, make([]byte, 0, min(max(size, 0), MaxMessage)))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%w: codec %d is not known", ErrDamaged, codec)
}

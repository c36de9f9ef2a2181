package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// MaxMessage is the size in bytes up to which a stored body is unpacked. A
// body that claims more is damaged: an event message has at most 3 MB (NEMS
// specification, "Generic Event Message Requirements").
const MaxMessage = 4 << 20

// ErrDamaged: stored bytes are not the ones that were published.
var ErrDamaged = errors.New("a stored message no longer has its checksum")

// The coders are shared: both are safe for concurrent use through EncodeAll
// and DecodeAll, and a coder of its own for each call would cost megabytes.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		// The window need not exceed the largest message; a small one keeps
		// the memory of idle encoders small.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // fixed options: cannot fail
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxMessage))
		if err != nil {
			panic(err) // fixed options: cannot fail
		}
		return d
	})
)

// Compress packs a message whose SHA-256 is sum. The result does not share
// memory with message unless packing gains nothing.
func Compress(message []byte, sum [32]byte) Body {
	b := Body{Codec: Zstd, Size: len(message), SHA256: sum}
	b.Data = encoder().EncodeAll(message, make([]byte, 0, len(message)/2+64))
	if len(b.Data) >= len(message) {
		b.Codec, b.Data = Plain, message
	}
	return b
}

// Open unpacks a stored message. It returns ErrDamaged when the bytes are not
// the published ones.
func (b Body) Open() ([]byte, error) {
	message := b.Data
	switch b.Codec {
	case Plain:
	case Zstd:
		var err error
		size := min(max(b.Size, 0), MaxMessage)
		if message, err = decoder().DecodeAll(b.Data, make([]byte, 0, size)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	default:
		return nil, fmt.Errorf("%w: codec %d is not known", ErrDamaged, b.Codec)
	}
	if sha256.Sum256(message) != b.SHA256 {
		return nil, ErrDamaged
	}
	return message, nil
}

package store_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"nems/internal/store"
)

func TestBodyComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		if rapid.Bool().Draw(t, "repetitive") {
			message = bytes.Repeat(message, 50)
		}
		b := store.Compress(message, sha256.Sum256(message))
		got, err := b.Open()
		if err != nil || !bytes.Equal(got, message) || b.Size != len(message) || len(b.Data) > len(message) {
			t.Fatalf("%d bytes, stored as %d, came back as %d: %v", len(message), len(b.Data), len(got), err)
		}
	})
}

func TestDamagedBodyIsFound(t *testing.T) {
	message := bytes.Repeat([]byte("<Bundle xmlns=\"http://hl7.org/fhir\"/>"), 300)
	whole := store.Compress(message, sha256.Sum256(message))
	for i := range whole.Data {
		b := whole
		b.Data = bytes.Clone(whole.Data)
		b.Data[i] ^= 1
		// A bit may have no meaning to the codec; then the message is whole.
		if got, err := b.Open(); !errors.Is(err, store.ErrDamaged) && !bytes.Equal(got, message) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	unknown := whole
	unknown.Codec = 99
	if _, err := unknown.Open(); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("unknown codec: %v", err)
	}
	wrong := whole
	wrong.SHA256[0] ^= 1
	if _, err := wrong.Open(); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("another checksum: %v", err)
	}
}

// zstded returns a body as earlier versions stored it.
func zstded(t testing.TB, message []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(message, nil)
}

func TestEarlierBodiesAreRead(t *testing.T) {
	message := bytes.Repeat([]byte("message"), 100)
	b := store.Body{Codec: store.Zstd, Data: zstded(t, message), Size: len(message), SHA256: sha256.Sum256(message)}
	if got, err := b.Open(); err != nil || !bytes.Equal(got, message) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func FuzzBodyOpen(f *testing.F) {
	message := bytes.Repeat([]byte("message"), 100)
	f.Add(byte(store.S2), store.Compress(message, [32]byte{}).Data, 700)
	f.Add(byte(store.S2), []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, 700) // claims 4 GB
	f.Add(byte(store.Zstd), zstded(f, message), 700)
	f.Add(byte(store.Plain), message, 700)
	f.Add(byte(7), []byte{}, -1)
	f.Fuzz(func(t *testing.T, codec byte, data []byte, size int) {
		message, err := store.Body{Codec: store.Codec(codec), Data: data, Size: size}.Open()
		if err == nil {
			t.Errorf("%d bytes have the SHA-256 of zeros", len(message))
		}
	})
}

func BenchmarkCompress(b *testing.B) {
	message := bytes.Repeat([]byte("<entry><fullUrl value=\"urn:uuid:5f57\"/></entry>"), 240)
	sum := sha256.Sum256(message)
	b.ReportAllocs()
	for b.Loop() {
		store.Compress(message, sum)
	}
}

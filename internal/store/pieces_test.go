package store_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"nems/internal/store"
)

// TestPieces checks that for any size all pieces except the last are full, that
// there is at least one, and that they add up to the body.
func TestPieces(t *testing.T) {
	for _, size := range []int{0, 1, store.MaxPiece - 1, store.MaxPiece, store.MaxPiece + 1, 3 * store.MaxPiece, 3*store.MaxPiece + 7} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i * 7 >> 3)
		}
		want := max(1, (size+store.MaxPiece-1)/store.MaxPiece)
		var cut [][]byte
		for n, piece := range store.Pieces(body) {
			if n != len(cut) || len(piece) > store.MaxPiece {
				t.Errorf("%d bytes: piece %d came as number %d with %d bytes", size, len(cut), n, len(piece))
			}
			cut = append(cut, piece)
		}
		if got := bytes.Join(cut, nil); len(cut) != want || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: cut into %d pieces with %d bytes, expected %d", size, len(cut), len(got), want)
		}
		var read [][]byte
		pieces, n, err := store.ReadPieces(iotest.HalfReader(bytes.NewReader(body)), func(n int, piece []byte) error {
			if n != len(read) {
				t.Errorf("%d bytes: piece %d came as number %d", size, len(read), n)
			}
			read = append(read, piece)
			return nil
		})
		if err != nil || pieces != want || len(read) != want || n != int64(size) {
			t.Errorf("%d bytes: read %d in %d pieces, %v; expected %d", size, n, pieces, err, want)
		}
		var written bytes.Buffer
		err = store.WritePieces(&written, func(n int) ([]byte, int, error) { return read[n], len(read), nil })
		if err != nil || !bytes.Equal(written.Bytes(), body) {
			t.Errorf("%d bytes: wrote %d, %v", size, written.Len(), err)
		}
	}
}

func TestPiecesReportFailures(t *testing.T) {
	broken := errors.New("broken")
	half := io.MultiReader(bytes.NewReader(make([]byte, store.MaxPiece)), iotest.ErrReader(broken))
	put := 0
	_, _, err := store.ReadPieces(half, func(int, []byte) error { put++; return nil })
	if !errors.Is(err, broken) || put != 1 {
		t.Errorf("reading: %v after %d pieces", err, put)
	}
	if _, _, err := store.ReadPieces(half, func(int, []byte) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("putting: %v", err)
	}
	if err := store.WritePieces(io.Discard, func(n int) ([]byte, int, error) {
		if n == 1 {
			return nil, 0, broken
		}
		return nil, 3, nil
	}); !errors.Is(err, broken) {
		t.Errorf("reading a piece: %v", err)
	}
	if err := store.WritePieces(writerOf{broken}, func(int) ([]byte, int, error) { return []byte{1}, 1, nil }); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
}

type writerOf struct{ err error }

func (w writerOf) Write([]byte) (int, error) { return 0, w.err }

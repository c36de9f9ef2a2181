package store

import (
	"fmt"
	"io"
	"iter"
	"time"
)

// MaxPiece is the largest number of bytes of a body or a chunk in one row.
const MaxPiece = 256 << 10

// BodyGrace is how long the body of a message stays after the message was
// collected, because a download may be under way. No new download can begin:
// the message "cannot be downloaded again" (MESH API).
const BodyGrace = time.Minute

// Pieces yields a body in pieces of at most MaxPiece, at least one.
func Pieces(body []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for n := 0; n == 0 || len(body) > 0; n++ {
			size := min(len(body), MaxPiece)
			if !yield(n, body[:size]) {
				return
			}
			body = body[size:]
		}
	}
}

// ReadPieces reads r in pieces of at most MaxPiece, at least one, and hands
// them to put. Each piece has its own memory, because a committer may still
// hold it after put has returned. ReadPieces returns the number of pieces and
// of bytes. The error of r is wrapped.
func ReadPieces(r io.Reader, put func(n int, piece []byte) error) (pieces int, size int64, err error) {
	for {
		piece, err := io.ReadAll(io.LimitReader(r, MaxPiece))
		if err != nil {
			return 0, 0, fmt.Errorf("reading a chunk: %w", err)
		}
		if len(piece) > 0 || pieces == 0 {
			if err := put(pieces, piece); err != nil {
				return 0, 0, err
			}
			pieces, size = pieces+1, size+int64(len(piece))
		}
		if len(piece) < MaxPiece {
			return pieces, size, nil
		}
	}
}

// WritePieces writes the pieces of a chunk to w, one after the other. read
// returns one of them, and the number of pieces.
func WritePieces(w io.Writer, read func(n int) (piece []byte, pieces int, err error)) error {
	for n := 0; ; n++ {
		piece, pieces, err := read(n)
		if err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if n+1 >= pieces {
			return nil
		}
	}
}

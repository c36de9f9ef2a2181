package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// checkpointForm opens each line of a checkpoint file and names its version.
const checkpointForm = "nems-audit-checkpoint/1"

// ErrCheckpoint: a line that is no checkpoint, or whose signature is wrong.
var ErrCheckpoint = errors.New("not a checkpoint signed with this key")

// ErrTorn: the last line of a checkpoint file is only the beginning of one. A
// crash or a full disk cut it short, or it is just being written.
var ErrTorn = errors.New("the last line is cut short")

// Checkpoint says how far the chains reached at a moment. Signed, and kept on
// another host, it shows later when links were cut off the end.
type Checkpoint struct {
	At    time.Time
	Heads []Head
}

// Sign writes the checkpoint as one line without its end: the form, the
// moment, `chain:number:hash` for each head, and the Ed25519 signature of all
// that before the last blank.
func (c Checkpoint) Sign(key ed25519.PrivateKey) string {
	var b strings.Builder
	b.WriteString(checkpointForm + " " + c.At.UTC().Format(time.RFC3339Nano))
	for _, h := range c.Heads {
		fmt.Fprintf(&b, " %d:%d:%x", h.Chain, h.Seq, h.Hash)
	}
	signature := ed25519.Sign(key, []byte(b.String()))
	return b.String() + " " + base64.StdEncoding.EncodeToString(signature)
}

// ParseCheckpoint reads a signed line, or returns ErrCheckpoint.
func ParseCheckpoint(line string, key ed25519.PublicKey) (Checkpoint, error) {
	end := strings.LastIndexByte(line, ' ')
	if end < 0 {
		return Checkpoint{}, ErrCheckpoint
	}
	signature, err := base64.StdEncoding.DecodeString(line[end+1:])
	if err != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, []byte(line[:end]), signature) {
		return Checkpoint{}, ErrCheckpoint
	}
	fields := strings.Split(line[:end], " ")
	if len(fields) < 2 || fields[0] != checkpointForm {
		return Checkpoint{}, ErrCheckpoint
	}
	var c Checkpoint
	if c.At, err = time.Parse(time.RFC3339Nano, fields[1]); err != nil {
		return Checkpoint{}, ErrCheckpoint
	}
	for _, f := range fields[2:] {
		h, ok := parseHead(f)
		if !ok {
			return Checkpoint{}, ErrCheckpoint
		}
		c.Heads = append(c.Heads, h)
	}
	return c, nil
}

func parseHead(s string) (h Head, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return h, false
	}
	var err1, err2 error
	h.Chain, err1 = strconv.ParseInt(parts[0], 10, 64)
	h.Seq, err2 = strconv.ParseInt(parts[1], 10, 64)
	hash, err3 := hex.DecodeString(parts[2])
	if err1 != nil || err2 != nil || err3 != nil || len(hash) != len(h.Hash) {
		return h, false
	}
	h.Hash = Hash(hash)
	return h, true
}

// ReadCheckpoints reads a checkpoint file, blank lines aside. The error names
// the line that is wrong; with ErrTorn all checkpoints before it are returned.
func ReadCheckpoints(r io.Reader, key ed25519.PublicKey) ([]Checkpoint, error) {
	var out []Checkpoint
	lines, ended := bufio.NewScanner(r), false
	lines.Buffer(nil, 1<<20)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, line, err := bufio.ScanLines(data, atEOF)
		ended = n > 0 && data[n-1] == '\n'
		return n, line, err
	})
	for n := 1; lines.Scan(); n++ {
		if lines.Text() == "" {
			continue
		}
		c, err := ParseCheckpoint(lines.Text(), key)
		if err != nil && !ended {
			err = ErrTorn
		}
		if err != nil {
			return out, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, c)
	}
	return out, lines.Err()
}

// Keeper writes checkpoints.
type Keeper struct {
	// Heads returns the ends of all chains that are on disk.
	Heads func(ctx context.Context) ([]Head, error)
	Key   ed25519.PrivateKey
	Now   func() time.Time
	// Write keeps one signed line; AppendLine keeps it in a file.
	Write func(line string) error
}

// Checkpoint signs and keeps the ends of the chains as they are; nothing while
// there are none.
func (k *Keeper) Checkpoint(ctx context.Context) error {
	// The moment is taken first: the heads reach at least up to it.
	at := k.Now()
	heads, err := k.Heads(ctx)
	if err == nil && len(heads) > 0 {
		err = k.Write(Checkpoint{At: at, Heads: heads}.Sign(k.Key))
	}
	if err != nil {
		return fmt.Errorf("audit checkpoint: %w", err)
	}
	return nil
}

// AppendLine returns a Write that appends to a file and syncs it. What an
// earlier Write has left of a line is cut off before: the new one would be joined
// to it. A line that cannot be kept whole is taken back. One process at a time
// may write to a file.
func AppendLine(path string) func(line string) error {
	return func(line string) (err error) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		end, err := cutTorn(f)
		if err != nil {
			return err
		}
		if _, err = f.WriteString(line + "\n"); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return errors.Join(err, f.Truncate(end))
		}
		return nil
	}
}

// cutTorn cuts off what stands behind the last whole line, and returns the size
// that is left. A file in order is not touched: it may allow appending alone.
func cutTorn(f *os.File) (end int64, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	block := make([]byte, 4096)
	for from := size; from > 0 && end == 0; {
		b := block[:min(from, int64(len(block)))]
		from -= int64(len(b))
		if _, err := f.ReadAt(b, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			end = from + int64(i) + 1
		}
	}
	if end < size {
		err = f.Truncate(end)
	}
	return end, err
}

package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
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

// The first word of a line of a checkpoint file names its version. Lines of
// version 1 had no place in a series.
const (
	formOne = "nems-audit-checkpoint/1"
	formTwo = "nems-audit-checkpoint/2"
)

// ErrCheckpoint: a line that is no checkpoint, or whose signature is wrong.
var ErrCheckpoint = errors.New("not a checkpoint signed with this key")

// ErrTorn: the last line of a checkpoint file is only the beginning of one. A
// crash or a full disk cut it short, or it is just being written.
var ErrTorn = errors.New("the last line is cut short")

// Checkpoint says how far the chains reached at a moment. Signed, and kept on
// another host, it shows later when links were cut off the end, or a chain was
// inserted that it does not know.
type Checkpoint struct {
	At    time.Time
	Heads []Head
	Place Place
	line  Hash // SHA-256 of the signed line
}

// Place is where a checkpoint stands among those of the same file: a line that
// is taken out leaves a gap. The zero Place is that of version 1.
type Place struct {
	Series   string // 16 hex digits, another for each file
	Number   int64  // 1 for the first
	Previous Hash   // SHA-256 of the line before; zero for the first of all
}

// Next is the place behind a checkpoint.
func (c Checkpoint) Next() Place {
	p := c.Place
	if p.Series == "" {
		p.Series = newSeries()
	}
	return Place{Series: p.Series, Number: p.Number + 1, Previous: c.line}
}

func newSeries() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// Sign writes the checkpoint as one line without its end: the form, the
// moment, its place, `chain:number:hash` for each head, and the Ed25519
// signature of all that before the last blank.
func (c Checkpoint) Sign(key ed25519.PrivateKey) string {
	var b strings.Builder
	if c.Place == (Place{}) {
		b.WriteString(formOne + " " + c.At.UTC().Format(time.RFC3339Nano))
	} else {
		fmt.Fprintf(&b, "%s %s %s:%d:%x", formTwo, c.At.UTC().Format(time.RFC3339Nano), c.Place.Series, c.Place.Number, c.Place.Previous)
	}
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
	c := Checkpoint{line: sha256.Sum256([]byte(line))}
	places := 2
	switch {
	case len(fields) >= 3 && fields[0] == formTwo:
		var ok bool
		if c.Place, ok = parsePlace(fields[2]); !ok {
			return Checkpoint{}, ErrCheckpoint
		}
		places = 3
	case len(fields) < 2 || fields[0] != formOne:
		return Checkpoint{}, ErrCheckpoint
	}
	if c.At, err = time.Parse(time.RFC3339Nano, fields[1]); err != nil {
		return Checkpoint{}, ErrCheckpoint
	}
	for _, f := range fields[places:] {
		h, ok := parseHead(f)
		if !ok {
			return Checkpoint{}, ErrCheckpoint
		}
		c.Heads = append(c.Heads, h)
	}
	return c, nil
}

func parsePlace(s string) (p Place, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 || parts[0] == "" {
		return p, false
	}
	number, err := strconv.ParseInt(parts[1], 10, 64)
	hash, hashErr := hex.DecodeString(parts[2])
	if err != nil || hashErr != nil || len(hash) != len(p.Previous) {
		return p, false
	}
	return Place{Series: parts[0], Number: number, Previous: Hash(hash)}, true
}

// gaps says which checkpoints were taken out from between those that are there.
// Those before the first may have been put aside with an older file.
func gaps(checkpoints []Checkpoint) (missing []string) {
	last := map[string]Checkpoint{}
	for _, c := range checkpoints {
		before, known := last[c.Place.Series]
		last[c.Place.Series] = c
		switch {
		case c.Place.Series == "" || !known:
		case c.Place.Number > before.Place.Number+1:
			missing = append(missing, fmt.Sprintf("checkpoints %d to %d of the file %s are missing, between %s and %s: taken out",
				before.Place.Number+1, c.Place.Number-1, c.Place.Series, before.At.UTC().Format(time.RFC3339), c.At.UTC().Format(time.RFC3339)))
		case c.Place.Number <= before.Place.Number || c.Place.Previous != before.line:
			missing = append(missing, fmt.Sprintf("checkpoint %d of the file %s does not follow checkpoint %d: repeated, reordered or of two files that were made of one",
				c.Place.Number, c.Place.Series, before.Place.Number))
		}
	}
	return missing
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
	lines.Buffer(nil, longestLine)
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

// LastCheckpoint reads the last whole line of a checkpoint file, however long the
// file is; the zero Checkpoint of one that is missing or empty.
func LastCheckpoint(path string, key ed25519.PublicKey) (Checkpoint, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Checkpoint{}, err
	}
	from := max(size-longestLine, 0)
	end := make([]byte, size-from)
	if _, err := f.ReadAt(end, from); err != nil {
		return Checkpoint{}, err
	}
	whole := bytes.TrimRight(end[:bytes.LastIndexByte(end, '\n')+1], "\n")
	if len(whole) == 0 {
		return Checkpoint{}, nil
	}
	c, err := ParseCheckpoint(string(whole[bytes.LastIndexByte(whole, '\n')+1:]), key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%s, its last line: %w", path, err)
	}
	return c, nil
}

// longestLine bounds a line of a checkpoint file: some ten thousand heads.
const longestLine = 1 << 20

// Keeper writes checkpoints. Not safe for concurrent use.
type Keeper struct {
	// Heads returns the ends of all chains that are on disk.
	Heads func(ctx context.Context) ([]Head, error)
	Key   ed25519.PrivateKey
	Now   func() time.Time
	// Write keeps one signed line; AppendLine keeps it in a file.
	Write func(line string) error
	// Last is the last checkpoint that was kept; zero at first.
	Last Checkpoint
}

// Public is the key that verifies.
func (k *Keeper) Public() ed25519.PublicKey { return k.Key.Public().(ed25519.PublicKey) }

// Checkpoint signs and keeps the ends of the chains as they are; nothing while
// there are none.
func (k *Keeper) Checkpoint(ctx context.Context) error {
	// The moment is taken first: the heads reach at least up to it.
	at := k.Now()
	heads, err := k.Heads(ctx)
	if err == nil && len(heads) > 0 {
		c := Checkpoint{At: at, Heads: heads, Place: k.Last.Next()}
		line := c.Sign(k.Key)
		if err = k.Write(line); err == nil {
			c.line = sha256.Sum256([]byte(line))
			k.Last = c
		}
	}
	if err != nil {
		return fmt.Errorf("audit checkpoint: %w", err)
	}
	return nil
}

// Lost names the ends that a checkpoint knows and that are not among the ends of
// the chains, nor grown beyond or followed by later chains: a database that was
// put back from an older copy, or a disk that lost what it had confirmed.
func (c Checkpoint) Lost(heads []Head) (lost []Head) {
	var newest int64
	ends := map[int64]Head{}
	for _, h := range heads {
		ends[h.Chain] = h
		newest = max(newest, h.Chain)
	}
	for _, h := range c.Heads {
		end, grows := ends[h.Chain]
		switch {
		case grows && (end.Seq > h.Seq || end == h):
		case !grows && h.Chain < newest: // bound by a later one
		default:
			lost = append(lost, h)
		}
	}
	return lost
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

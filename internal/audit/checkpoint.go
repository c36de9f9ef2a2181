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

// The first word of a line of a checkpoint file is its version. Lines of
// version 1 have no place in a series.
const (
	formOne = "nems-audit-checkpoint/1"
	formTwo = "nems-audit-checkpoint/2"
)

// ErrCheckpoint says that a line is not a checkpoint, or that its signature is wrong.
var ErrCheckpoint = errors.New("not a checkpoint signed with this key")

// ErrTorn says that the last line of a checkpoint file is incomplete. A crash
// or a full disk cut it short, or it is still being written.
var ErrTorn = errors.New("the last line is cut short")

// Checkpoint says how far the chains reached at a moment. A signed checkpoint,
// kept on another host, later shows if links were cut off the end, or if a
// chain was inserted that it does not know.
type Checkpoint struct {
	At    time.Time
	Heads []Head
	Place Place
	line  Hash // SHA-256 of the signed line
}

// Place is a checkpoint's position among those of the same file, so that a
// removed line leaves a gap. The zero Place is that of version 1.
type Place struct {
	Series   string // 16 hex digits, different for each file
	Number   int64  // 1 for the first
	Previous Hash   // SHA-256 of the previous line; zero for the very first
}

// Next returns the place after a checkpoint.
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

// Sign writes the checkpoint as one line without its line end: version, moment,
// place, `chain:number:hash` for each head, a blank, and the Ed25519 signature
// of everything before that blank.
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

// gaps reports which checkpoints were removed from between others. Checkpoints
// before the first one may be in an older file that was put aside.
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
			missing = append(missing, fmt.Sprintf("checkpoint %d of the file %s does not follow checkpoint %d: repeated, reordered, or from two files that started as one",
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

// ReadCheckpoints reads a checkpoint file and ignores blank lines. The error
// names the wrong line. With ErrTorn all checkpoints before that line are
// returned.
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

// LastCheckpoint reads the last whole line of a checkpoint file, at a cost that
// does not depend on the file's length. For a missing or empty file it returns
// the zero Checkpoint.
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

// longestLine limits a line of a checkpoint file. It is enough for about ten thousand heads.
const longestLine = 1 << 20

// Signer writes checkpoints. Not safe for concurrent use.
type Signer struct {
	// Heads returns the ends of all chains that are on disk.
	Heads func(ctx context.Context) ([]Head, error)
	Key   ed25519.PrivateKey
	Now   func() time.Time
	// Write stores one signed line; AppendLine returns a Write that appends to a file.
	Write func(line string) error
	// Last is the last stored checkpoint; zero at first.
	Last Checkpoint
}

// Public returns the key that verifies the checkpoints.
func (s *Signer) Public() ed25519.PublicKey { return s.Key.Public().(ed25519.PublicKey) }

// Checkpoint signs and stores the current ends of the chains. It does nothing
// while there are none.
func (s *Signer) Checkpoint(ctx context.Context) error {
	// The moment is taken first, so the heads reach at least up to it.
	at := s.Now()
	heads, err := s.Heads(ctx)
	if err == nil && len(heads) > 0 {
		c := Checkpoint{At: at, Heads: heads, Place: s.Last.Next()}
		line := c.Sign(s.Key)
		if err = s.Write(line); err == nil {
			c.line = sha256.Sum256([]byte(line))
			s.Last = c
		}
	}
	if err != nil {
		return fmt.Errorf("audit checkpoint: %w", err)
	}
	return nil
}

// Lost returns the ends in a checkpoint that the chains no longer have: no chain
// ends there, has grown beyond it, or is followed by a later chain. Then the
// database was restored from an older copy, or a disk lost what it had
// confirmed.
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
		case !grows && h.Chain < newest: // a later chain has bound it
		default:
			lost = append(lost, h)
		}
	}
	return lost
}

// AppendLine returns a Write that appends to a file and syncs it. It first cuts
// off an incomplete line of an earlier Write, because the new line would be
// joined to it. A line that cannot be stored completely is removed again. One
// process at a time may write to a file.
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

// cutTorn cuts off everything after the last whole line, and returns the
// remaining size. An intact file is not touched, because it may allow only
// appending.
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

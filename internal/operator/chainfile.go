package operator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	jsonv1 "encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/audit"
	"nems/internal/plain"
	"nems/internal/store"
)

// ChainLink is one link of the audit as a line of an exported chain: its
// entries in plain, so that people and programs can read what the hash covers.
type ChainLink struct {
	Chain   int64       `json:"chain"`
	Seq     int64       `json:"link"`
	At      time.Time   `json:"at"`
	Heads   []ChainHead `json:"heads,omitempty"`
	Entries []Record    `json:"entries"`
	Hash    string      `json:"hash"` // SHA-256 in hex
}

// ChainHead is the end of another chain that a link binds.
type ChainHead struct {
	Chain int64  `json:"chain"`
	Seq   int64  `json:"link"`
	Hash  string `json:"hash"`
}

// ChainFilter bounds the moments of the links' commits: [From, To); zero times
// set no limit.
type ChainFilter struct {
	From time.Time `json:"from,omitzero" jsonschema:"committed not before"`
	To   time.Time `json:"to,omitzero" jsonschema:"committed before"`
}

// chain lists the links whose commit lies within a span of time, oldest first, as
// of the moment of the first page. Exports of neighbouring spans make one chain
// when they are put together. That somebody exports is itself recorded.
func (d Desk) chain(ctx context.Context, s Search[ChainFilter]) (none Page[ChainLink], err error) {
	l, err := list[store.AuditSpan](d, "chain", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	f, left := s.Filter, l.after
	if s.After == "" {
		entry := d.readEntry(Filter{From: f.From, To: f.To})
		entry.Action = audit.ActionExportAudit
		d.Store.Record(entry)
		if left, err = d.Store.AuditSpan(ctx, sooner(f.From), f.To); err != nil {
			return none, err
		}
	}
	links, err := d.Store.AuditLinks(ctx, left, false, l.limit)
	if err != nil {
		return none, err
	}
	out, seen := Page[ChainLink]{Items: []ChainLink{}}, 0
	for i, link := range links {
		left = left.Behind(link, false)
		if !link.At.Before(f.From) && (f.To.IsZero() || link.At.Before(f.To)) {
			line, err := newChainLink(link.Link)
			if err != nil {
				return none, err
			}
			out.Items, seen = append(out.Items, line), seen+len(line.Entries)
		}
		if i+1 == l.limit || seen >= mostEntries && i+1 < len(links) {
			out.Next, err = d.seal(l.name, l.filter, left)
			return out, err
		}
	}
	return out, nil
}

func newChainLink(l audit.Link) (ChainLink, error) {
	line := ChainLink{Chain: l.Chain, Seq: l.Seq, At: l.At, Hash: hex.EncodeToString(l.Hash[:])}
	for _, h := range l.Heads {
		line.Heads = append(line.Heads, ChainHead{Chain: h.Chain, Seq: h.Seq, Hash: hex.EncodeToString(h.Hash[:])})
	}
	entries, err := l.Unpack()
	if err != nil {
		return line, unreadable(l, err)
	}
	line.Entries = make([]Record, len(entries))
	for i, e := range entries {
		line.Entries[i] = newRecord(e)
	}
	return line, nil
}

// link turns the line back into the link that it was made of: the entries are
// encoded again, so that the hash tells whether anything in the line was
// changed.
func (c ChainLink) link() (audit.Link, error) {
	l := audit.Link{Chain: c.Chain, Seq: c.Seq, At: c.At}
	if err := readHash(c.Hash, &l.Hash); err != nil {
		return l, err
	}
	for _, h := range c.Heads {
		head := audit.Head{Chain: h.Chain, Seq: h.Seq}
		if err := readHash(h.Hash, &head.Hash); err != nil {
			return l, err
		}
		l.Heads = append(l.Heads, head)
	}
	sealed := make([]audit.Sealed, len(c.Entries))
	for i, r := range c.Entries {
		e, err := r.entry()
		if err != nil {
			return l, fmt.Errorf("entry %d: %w", i+1, err)
		}
		sealed[i] = audit.Seal(e)
	}
	l.Entries = audit.NewChain(0, nil).Next(c.At, sealed).Entries
	return l, nil
}

// errNotAsExported: the hash covers what a line means, and another reader might
// read it otherwise.
var errNotAsExported = errors.New("it is not written as an export writes it: edited")

// asExported holds a line against the one that an export writes of the link:
// spellings that mean the same here (an escape, a null, blanks, a finer moment) are
// edits.
func asExported(l audit.Link, line []byte) error {
	c, err := newChainLink(l)
	if err != nil {
		return err
	}
	// The service writes characters that cannot be shown as they are, and the
	// command escapes them.
	var raw, shown bytes.Buffer
	if err := errors.Join(jsonv1.NewEncoder(&raw).Encode(c), jsonv1.NewEncoder(plain.JSON(&shown)).Encode(c)); err != nil {
		return err
	}
	line = append(bytes.Clone(line), '\n')
	if !bytes.Equal(line, raw.Bytes()) && !bytes.Equal(line, shown.Bytes()) {
		return errNotAsExported
	}
	return nil
}

func readHash(text string, into *audit.Hash) error {
	hash, err := hex.DecodeString(text)
	if err != nil || len(hash) != len(into) {
		return fmt.Errorf("a hash has %d digits in hex", 2*len(into))
	}
	*into = audit.Hash(hash)
	return nil
}

// longestLine limits a line of an exported chain; a link holds the entries of
// one commit, of which there are hundreds at most.
const longestLine = 16 << 20

// ReadChain yields the links of an exported chain, for audit.Verify. The error
// names the line that is wrong.
func ReadChain(r io.Reader) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, longestLine)
		for n := 1; lines.Scan(); n++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			var c ChainLink
			// Strictly: a member twice, in other letters or unknown could say another
			// thing to another reader than what the hash covers.
			err := json.Unmarshal(lines.Bytes(), &c, json.RejectUnknownMembers(true))
			var l audit.Link
			if err == nil {
				l, err = c.link()
			}
			if err == nil {
				err = asExported(l, lines.Bytes())
			}
			if err != nil {
				yield(audit.Link{}, fmt.Errorf("line %d is not a link of an exported chain: %w", n, err))
				return
			}
			if !yield(l, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(audit.Link{}, err)
		}
	}
}

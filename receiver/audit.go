package receiver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Step is what an entry of the audit tells of a message.
type Step string

// The steps. Each message has Received, and then one of the others once nothing
// more becomes of it; after a crash some come twice.
const (
	Received  Step = "received"  // downloaded and read
	Processed Step = "processed" // the Handler returned nil
	Discarded Step = "discarded" // not handed over, or set aside; Why says why
	LeftThere Step = "left"      // still in the mailbox; Why says why
	Noted     Step = "noted"     // what the receiving system says of its use
)

// Entry is one line of the audit. It holds ids and no patient's data: the
// message with that id, or the NEMS it came from, says whom it is about.
type Entry struct {
	At         time.Time `json:"at"`
	Step       Step      `json:"step"`
	MeshID     string    `json:"meshId"`
	From       string    `json:"from,omitempty"` // sending mailbox
	WorkflowID string    `json:"workflowId,omitempty"`
	Event      string    `json:"event,omitempty"` // event code
	Kind       string    `json:"kind,omitempty"`  // new, update or delete
	MessageID  string    `json:"messageId,omitempty"`
	Order      Order     `json:"order,omitempty"`
	Effect     Effect    `json:"effect,omitempty"`
	Attempt    int       `json:"attempt,omitempty"`
	Why        string    `json:"why,omitempty"`
	Who        string    `json:"who,omitempty"` // Noted: the person or system
}

// AuditOptions bound an Audit.
type AuditOptions struct {
	// MaxAge is how long entries are kept, in whole days; 0 keeps them for ever.
	MaxAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Audit is the record that a receiver must keep of every message that it attempts
// to process, also of those that it discards ("Receiver Information Governance").
// It is a folder with one file of JSON lines for each day (UTC). What becomes of
// a message is on disk before the message is acknowledged. Safe for concurrent
// use; one process at a time writes into a folder.
type Audit struct {
	folder  string
	options AuditOptions

	mu   sync.Mutex
	lock *os.File // nil once closed
	day  string
	file *logFile
}

const auditFile = "audit-2006-01-02.jsonl"

// OpenAudit opens the audit in a folder, or begins one. It returns ErrInUse
// while another process writes into it, or what the file system says.
func OpenAudit(folder string, o AuditOptions) (*Audit, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("receiver audit: %w", err)
	}
	lock, err := lockFile(filepath.Join(folder, "audit.lock"))
	if err != nil {
		return nil, fmt.Errorf("receiver audit: %w", err)
	}
	return &Audit{folder: folder, options: o, lock: lock}, nil
}

// Close gives the folder up.
func (a *Audit) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lock == nil {
		return nil
	}
	err := errors.Join(a.closeFile(), a.lock.Close())
	a.lock = nil
	return err
}

func (a *Audit) closeFile() error {
	if a.file == nil {
		return nil
	}
	err := a.file.file.Close()
	a.file = nil
	return err
}

// Note records what the receiving system did with a message that it was handed:
// who looked at it, into which record it went. It returns when that is on disk.
// Keep patients' data out of it.
func (a *Audit) Note(m Message, who, what string) error {
	e := entryOf(Noted, m, what)
	e.Who = who
	return a.write(e, true)
}

func entryOf(step Step, m Message, why string) Entry {
	e := Entry{
		Step: step, MeshID: m.ID, From: m.From, WorkflowID: m.WorkflowID,
		Event: m.Facts.Code, Kind: m.Facts.Kind, MessageID: m.Facts.MessageID,
		Effect: m.Effect(), Attempt: m.Attempt, Why: why,
	}
	if m.Kind == Event {
		e.Order = m.Order
	}
	return e
}

// write appends an entry, with durably returning when it and all before it are
// on disk. A nil Audit writes nothing.
func (a *Audit) write(e Entry, durably bool) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lock == nil {
		return os.ErrClosed
	}
	e.At = a.options.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := a.turn(e.At); err != nil {
		return err
	}
	return a.file.append(append(line, '\n'), durably)
}

// turn opens the file of a day, and removes those that are too old.
func (a *Audit) turn(at time.Time) error {
	name := at.Format(auditFile)
	if name == a.day && a.file != nil {
		return nil
	}
	if a.file != nil { // what was not yet flushed of the day before
		if err := errors.Join(a.file.file.Sync(), a.closeFile()); err != nil {
			return err
		}
	}
	l := &logFile{path: filepath.Join(a.folder, name)}
	if err := l.open(); err != nil {
		return err
	}
	if err := l.cutTorn(); err != nil {
		return errors.Join(err, l.file.Close())
	}
	a.day, a.file = name, l
	return a.retire(at)
}

// retire removes the files of days that are too old.
func (a *Audit) retire(now time.Time) error {
	if a.options.MaxAge <= 0 {
		return nil
	}
	oldest := now.Add(-a.options.MaxAge).Format(auditFile)
	files, err := a.files()
	for _, name := range files {
		if err == nil && name < oldest {
			err = os.Remove(filepath.Join(a.folder, name))
		}
	}
	return err
}

// files lists the days, oldest first.
func (a *Audit) files() ([]string, error) {
	entries, err := os.ReadDir(a.folder) // sorted by name
	var names []string
	for _, e := range entries {
		if _, wrong := time.Parse(auditFile, e.Name()); wrong == nil {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Entries yields the entries from a moment on and before another, oldest first;
// zero times mean the beginning and the end. A line that cannot be read is
// yielded as an error that names its place.
func (a *Audit) Entries(from, to time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		files, err := a.files()
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, name := range files {
			day, _ := time.Parse(auditFile, name)
			if !to.IsZero() && !day.Before(to) || day.Add(24*time.Hour).Before(from) {
				continue
			}
			if !readAudit(filepath.Join(a.folder, name), from, to, yield) {
				return
			}
		}
	}
}

func readAudit(path string, from, to time.Time, yield func(Entry, error) bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return yield(Entry{}, err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil { // a last line without its end is being written, or was cut short
			return err == io.EOF || yield(Entry{}, err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			if !yield(Entry{}, fmt.Errorf("%s, line %d: %w", filepath.Base(path), number, ErrDamaged)) {
				return false
			}
			continue
		}
		if e.At.Before(from) || !to.IsZero() && !e.At.Before(to) {
			continue
		}
		if !yield(e, nil) {
			return false
		}
	}
}

// Export writes the entries of a span as JSON lines.
func (a *Audit) Export(w io.Writer, from, to time.Time) error {
	out := json.NewEncoder(w)
	for e, err := range a.Entries(from, to) {
		if err == nil {
			err = out.Encode(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cutTorn cuts off what a crash left of a last line.
func (l *logFile) cutTorn() error {
	const block = 1 << 12
	for end := l.size; end > 0; {
		from := max(end-block, 0)
		b := make([]byte, end-from)
		if _, err := l.file.ReadAt(b, from); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			if whole := from + int64(i) + 1; whole != l.size {
				return l.truncate(whole)
			}
			return nil
		}
		end = from
	}
	if l.size == 0 {
		return nil
	}
	return l.truncate(0)
}

// plain takes line breaks and other control characters out of a text that came
// from outside.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

package receiver

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// AuditOptions set the limits of an Audit.
type AuditOptions struct {
	// MaxAge is how long entries are kept, in whole days; 0 keeps them for ever.
	MaxAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Audit is the record that a receiver must keep of every message that it attempts
// to process, including those that it discards ("Receiver Information Governance").
// It is a folder with one append-only file of JSON lines for each day (UTC), and
// the key of their digests. The outcome of a message is on disk before the message
// is acknowledged. An Audit is safe for concurrent use. One process at a time
// writes into a folder; others can read it with ReadAudit meanwhile.
type Audit struct {
	*AuditReader
	options AuditOptions

	mu   sync.Mutex
	lock *os.File // nil once closed
	day  string
	file *logFile
}

const (
	auditFile = "audit-2006-01-02.jsonl"
	auditKey  = "audit.key"
	auditLock = "audit.lock"
)

// OpenAudit opens the audit in a folder, or creates one. It returns ErrInUse
// while another process writes into it, ErrDamaged when its key is incomplete,
// or the error of the file system.
func OpenAudit(folder string, o AuditOptions) (*Audit, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("receiver audit: %w", err)
	}
	lock, err := lockFile(filepath.Join(folder, auditLock))
	if err != nil {
		return nil, fmt.Errorf("receiver audit: %w", err)
	}
	reader, err := ReadAudit(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err = newKey(filepath.Join(folder, auditKey)); err == nil {
			reader, err = ReadAudit(folder)
		}
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Audit{AuditReader: reader, options: o, lock: lock}, nil
}

func newKey(path string) error {
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	return WriteFile(path, append(hex.AppendEncode(nil, key), '\n'))
}

// Close closes the files and lets another process open the folder.
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

// Note records what the receiving system did with a message that it was given:
// who looked at it, which record it went into. It returns when the entry is on
// disk. Keep patients' data out of it.
func (a *Audit) Note(m Message, who, what string) error {
	e := entryOf(m, Noted)
	e.Who, e.Why = who, what
	return a.write(e, m, true)
}

// write appends an entry about a message. If durably is set, it returns when
// this entry and all earlier ones are on disk. A nil Audit writes nothing.
func (a *Audit) write(e Entry, m Message, durably bool) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lock == nil {
		return os.ErrClosed
	}
	e.At = a.options.Now().UTC()
	e.Patient, e.Thing = a.Patient(m.Facts.NHSNumber), a.Thing(m.Facts.Identifier)
	e.bound()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := a.turn(e.At); err != nil {
		return err
	}
	return a.file.append(append(line, '\n'), durably)
}

// turn opens the file of a day, and removes files that are too old.
func (a *Audit) turn(at time.Time) error {
	name := at.Format(auditFile)
	if name == a.day && a.file != nil {
		return nil
	}
	if a.file != nil { // entries of the day before may not be flushed yet
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

// retire removes the files of days that are older than MaxAge.
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

// cutTorn removes an incomplete last line, which a crash may leave.
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

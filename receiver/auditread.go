package receiver

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// AuditReader finds entries of an audit, also while another process writes it.
type AuditReader struct {
	folder string
	key    []byte
}

const keySize = sha256.Size

// ReadAudit opens the audit in a folder for reading. It returns ErrDamaged when the
// audit's key is incomplete, or the error of the file system: fs.ErrNotExist where
// there is no audit.
func ReadAudit(folder string) (*AuditReader, error) {
	text, err := os.ReadFile(filepath.Join(folder, auditKey))
	if err != nil {
		return nil, fmt.Errorf("receiver audit: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("receiver audit: %s: %w", auditKey, ErrDamaged)
	}
	return &AuditReader{folder: folder, key: key}, nil
}

// Patient returns how this audit writes an NHS number: a digest under the folder's
// key, "" for no number. Whoever has the key can find the number by trying all of
// them.
func (a *AuditReader) Patient(n NHSNumber) string {
	if n == "" {
		return ""
	}
	return a.digest("patient", string(n))
}

// Thing returns how this audit writes an identifier: a digest, like Patient's,
// because some identifiers are built from patients' data. It is "" for no
// identifier.
func (a *AuditReader) Thing(i Identifier) string {
	if i.IsZero() {
		return ""
	}
	return a.digest("thing", fmt.Sprintf("%q|%q", i.System, i.Value))
}

func (a *AuditReader) digest(what, text string) string {
	h := hmac.New(sha256.New, a.key)
	_, _ = io.WriteString(h, what+"|"+text)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// AuditFilter selects entries. An entry is selected when it agrees with every
// field that is not zero.
type AuditFilter struct {
	// From and To limit the time at which the entry was written: From is included, To is not.
	From, To time.Time
	Steps    []Step    // one of these
	Outcomes []Outcome // one of these
	// MeshID and MessageID identify a message.
	MeshID, MessageID string
	// Patient and Thing are digests, as AuditReader.Patient and AuditReader.Thing return them.
	Patient, Thing string
}

func (f *AuditFilter) wants(e Entry) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return !e.At.Before(f.From) && (f.To.IsZero() || e.At.Before(f.To)) &&
		(len(f.Steps) == 0 || slices.Contains(f.Steps, e.Step)) &&
		(len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, e.Outcome)) &&
		same(f.MeshID, e.MeshID) && same(f.MessageID, e.MessageID) &&
		same(f.Patient, e.Patient) && same(f.Thing, e.Thing)
}

// wantsDay reports whether the day that begins at day may hold wanted entries.
func (f *AuditFilter) wantsDay(day time.Time) bool {
	return day.Add(24*time.Hour).After(f.From) && (f.To.IsZero() || day.Before(f.To))
}

// Entries yields the selected entries in the order in which they were written. For
// a line that cannot be read it yields ErrDamaged with the line's place, and then
// goes on with the next line.
func (a *AuditReader) Entries(f AuditFilter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		files, err := a.files()
		if err != nil {
			yield(Entry{}, fmt.Errorf("receiver audit: %w", err))
			return
		}
		for _, name := range files {
			day, _ := time.Parse(auditFile, name) // files returns only names that parse
			if f.wantsDay(day) && !a.readDay(name, f, yield) {
				return
			}
		}
	}
}

// files lists the files of all days, oldest first.
func (a *AuditReader) files() ([]string, error) {
	entries, err := os.ReadDir(a.folder) // sorted by name
	var names []string
	for _, e := range entries {
		if _, wrong := time.Parse(auditFile, e.Name()); wrong == nil {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// readDay yields the selected entries of a day; it returns false when the caller wants no more.
func (a *AuditReader) readDay(name string, f AuditFilter, yield func(Entry, error) bool) bool {
	file, err := os.Open(filepath.Join(a.folder, name))
	if errors.Is(err, fs.ErrNotExist) { // removed as too old since it was listed
		return true
	}
	if err != nil {
		return yield(Entry{}, fmt.Errorf("receiver audit: %w", err))
	}
	defer file.Close()
	in := bufio.NewReader(file)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil { // a last line without its end is still being written, or was cut short
			return err == io.EOF || yield(Entry{}, fmt.Errorf("receiver audit: %w", err))
		}
		var e Entry
		if json.Unmarshal(line, &e) != nil {
			if !yield(Entry{}, fmt.Errorf("receiver audit: %s, line %d: %w", name, number, ErrDamaged)) {
				return false
			}
			continue
		}
		if f.wants(e) && !yield(e, nil) {
			return false
		}
	}
}

// Export writes the selected entries as JSON lines. It goes on after a line
// that cannot be read, and returns the first such error.
func (a *AuditReader) Export(w io.Writer, f AuditFilter) error {
	var damage error
	out := json.NewEncoder(w)
	for e, err := range a.Entries(f) {
		if err != nil {
			if damage == nil {
				damage = err
			}
			continue
		}
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return damage
}

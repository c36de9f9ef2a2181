package receiver_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"nems/receiver"
)

func openAudit(t *testing.T, folder string, o receiver.AuditOptions) *receiver.Audit {
	t.Helper()
	a, err := receiver.OpenAudit(folder, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// told lists the audit's entries from the beginning, one line each.
func told(t *testing.T, a *receiver.Audit) (lines []string) {
	t.Helper()
	for e, err := range a.Entries(receiver.AuditFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(string(e.Step)+" "+e.MeshID+" "+e.Who+" "+e.Why))
	}
	return lines
}

// The audit says what became of every message and why, before the message is
// acknowledged.
func TestAudit(t *testing.T) {
	c := newClock()
	a := openAudit(t, t.TempDir(), receiver.AuditOptions{Now: c.Now})
	f := newFakeMESH(
		notice{id: "1", thing: "a", updated: "2026-01-02T00:00:00Z"}.in("M1"),
		notice{id: "1", thing: "a", updated: "2026-01-02T00:00:00Z"}.in("M2"),
		notice{id: "3", thing: "a", updated: "2026-01-01T00:00:00Z"}.in("M3"),
		notice{id: "4", thing: "b", updated: "2026-01-03T00:00:00Z"}.in("M4"),
		fakeMessage{id: "M5", body: []byte("no XML")},
		notice{id: "6", thing: "a", updated: "2026-01-04T00:00:00Z", patient: "9434765919"}.in("M6"),
	)
	handle := func(_ context.Context, m receiver.Message) error {
		switch m.ID {
		case "M1":
			return a.Note(m, "dr.watson", "filed in the record")
		case "M4":
			return receiver.Permanent(errors.New("no such patient here\nsecond line"))
		case "M5":
			return receiver.Permanent(m.Problem)
		case "M6":
			return receiver.Ignore(errors.New("not a patient of ours"))
		}
		return nil
	}
	folder := t.TempDir()
	r := newReceiver(t, f, c, func(c *receiver.Config) { c.Audit, c.SetAside = a, folder })
	if tally, err := r.Collect(t.Context(), handle); err != nil || tally != (receiver.Tally{Handled: 1, Repeats: 1, Superseded: 1, Ignored: 1, Aside: 2}) {
		t.Errorf("%+v, %v", tally, err)
	}
	got := told(t, a)
	for i, line := range got {
		got[i], _, _ = strings.Cut(line, ": line")
	}
	want := []string{
		"received M1", "noted M1 dr.watson filed in the record", "processed M1",
		"received M2", "discarded M2  finished before",
		"received M3", "discarded M3  a newer one about the same thing was finished before",
		"received M4", "discarded M4  permanent: no such patient here second line",
		"received M5  not an event message", "discarded M5  permanent: not an event message",
		"received M6", "discarded M6  ignored: not a patient of ours",
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var export bytes.Buffer
	if err := a.Export(&export, receiver.AuditFilter{}); err != nil || strings.Count(export.String(), "\n") != len(want) || strings.Contains(export.String(), "9990000026") {
		t.Errorf("export: %v\n%s", err, export.String())
	}
}

// An incomplete line after a crash is cut off; days that are too old are
// removed; a time span selects its own entries; an error names the damaged line.
func TestAuditFiles(t *testing.T) {
	c, folder := newClock(), t.TempDir()
	a := openAudit(t, folder, receiver.AuditOptions{Now: c.Now, MaxAge: 48 * time.Hour})
	if _, err := receiver.OpenAudit(folder, receiver.AuditOptions{}); !errors.Is(err, receiver.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	note := func(id string) { mustDo(t, a.Note(receiver.Message{ID: id}, "", "")) }
	first := c.Now()
	note("1")
	c.advance(24 * time.Hour)
	note("2")
	second := c.Now()
	c.advance(24 * time.Hour)
	note("3")
	if got := told(t, a); !gocmp.Equal(got, []string{"noted 1", "noted 2", "noted 3"}) {
		t.Errorf("three days: %v", got)
	}
	var span []string
	for e, err := range a.Entries(receiver.AuditFilter{From: first.Add(time.Hour), To: second.Add(time.Hour)}) {
		mustDo(t, err)
		span = append(span, e.MeshID)
	}
	if !gocmp.Equal(span, []string{"2"}) {
		t.Errorf("the day in the middle: %v", span)
	}
	c.advance(24 * time.Hour)
	note("4")
	if got := told(t, a); !gocmp.Equal(got, []string{"noted 2", "noted 3", "noted 4"}) {
		t.Errorf("after retention: %v", got)
	}
	mustDo(t, a.Close())

	days, err := filepath.Glob(filepath.Join(folder, "audit-*.jsonl"))
	mustDo(t, err)
	last := days[len(days)-1]
	text, err := os.ReadFile(last)
	mustDo(t, err)
	mustDo(t, os.WriteFile(last, append(text, `{"at":"2026`...), 0o600))
	mustDo(t, os.WriteFile(days[0], []byte("nonsense\n"), 0o600))
	a = openAudit(t, folder, receiver.AuditOptions{Now: c.Now})
	note("5")
	var ids []string
	damaged := 0
	for e, err := range a.Entries(receiver.AuditFilter{}) {
		if errors.Is(err, receiver.ErrDamaged) {
			damaged++
			continue
		}
		mustDo(t, err)
		ids = append(ids, e.MeshID)
	}
	if !gocmp.Equal(ids, []string{"3", "4", "5"}) || damaged != 1 {
		t.Errorf("after damage: %v, %d damaged", ids, damaged)
	}
}

// When the audit cannot be written, collecting stops before anything is
// acknowledged.
func TestAuditThatFails(t *testing.T) {
	c := newClock()
	a := openAudit(t, t.TempDir(), receiver.AuditOptions{Now: c.Now})
	f := newFakeMESH(notice{id: "1"}.in("M1"))
	var got collected
	r := newReceiver(t, f, c, func(c *receiver.Config) { c.Audit = a })
	mustDo(t, a.Note(receiver.Message{ID: "0"}, "", ""))
	mustDo(t, a.Close())
	if _, err := r.Collect(t.Context(), got.handle); err == nil || len(f.acknowledged()) > 0 {
		t.Errorf("%v; acknowledged %v", err, f.acknowledged())
	}
}

// A memory file of version 1 is read and continued; facts that it lacks are unknown.
func TestMemoryOfVersionOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	text, err := os.ReadFile("testdata/memory-1")
	mustDo(t, err)
	mustDo(t, os.WriteFile(path, text, 0o600))
	for range 2 { // first as version 1, then as rewritten
		m := openMemory(t, path, newClock())
		if done, err := m.Finished("event|vaccinations-1|1"); err != nil || !done {
			t.Errorf("finished: %v, %v", done, err)
		}
		k, err := m.Newest("source|9990000026|vaccinations-1")
		if err != nil || k.Number != 7 || k.MessageID != "" || !k.Time.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("newest: %+v, %v", k, err)
		}
		if n, err := m.Attempts("event|vaccinations-1|2"); err != nil || n != 3 {
			t.Errorf("attempts: %d, %v", n, err)
		}
		mustDo(t, m.Close())
	}
}

// Hostile text cannot make an entry long or split it in two; a message that is
// not an event is recorded as such; no patient's data is written in plain text.
func TestAuditOfHostileMessages(t *testing.T) {
	c, folder := newClock(), t.TempDir()
	a := openAudit(t, folder, receiver.AuditOptions{Now: c.Now})
	huge := strings.Repeat("9990000026", 100_000)
	f := newFakeMESH(
		fakeMessage{id: "M1", body: []byte("\x00\xff")},
		fakeMessage{id: "M2", body: []byte(`<Patient xmlns="http://hl7.org/fhir"/>`)},
		fakeMessage{id: "M3", body: bytes.Repeat([]byte("<Bundle>"), 100_000)},
		notice{id: huge, thing: "a"}.in("M4"),
		notice{id: "5", code: "two\nlines", thing: "a"}.in("M5"),
		notice{id: "6", thing: huge, kind: huge, patient: huge, updated: huge, version: huge, asid: huge}.in("M6"),
		notice{id: "7"}.in("M7"),
	)
	f.messages[5].headers["mex-workflowid"] = strings.Repeat("W", 5000)
	r := newReceiver(t, f, c, func(c *receiver.Config) { c.Audit = a })
	tally, err := r.Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
		if m.Kind == receiver.Other {
			return receiver.Ignore(m.Problem)
		}
		return nil
	})
	if err != nil || tally != (receiver.Tally{Handled: 2, Ignored: 5}) {
		t.Errorf("%+v, %v", tally, err)
	}
	unreadable := map[string]bool{}
	for e, err := range a.Entries(receiver.AuditFilter{Outcomes: []receiver.Outcome{receiver.Ignored}}) {
		mustDo(t, err)
		unreadable[e.MeshID] = e.Content == receiver.Other && e.Step == receiver.Discarded && strings.Contains(e.Why, "not an event message")
	}
	if d := gocmp.Diff(map[string]bool{"M1": true, "M2": true, "M3": true, "M4": true, "M5": true}, unreadable); d != "" {
		t.Error(d)
	}
	days, err := filepath.Glob(filepath.Join(folder, "audit-*.jsonl"))
	mustDo(t, err)
	text, err := os.ReadFile(days[0])
	mustDo(t, err)
	for _, line := range bytes.Split(text, []byte("\n")) {
		if len(line) > 4096 || bytes.Contains(line, []byte("9990000026")) {
			t.Errorf("an entry of %d bytes: %.300s", len(line), line)
		}
	}
}

// Entries can be searched, also by another process, and the digests need the
// folder's key.
func TestAuditIsQueried(t *testing.T) {
	c, folder := newClock(), filepath.Join(t.TempDir(), "audit")
	if _, err := receiver.ReadAudit(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no audit: %v", err)
	}
	a := openAudit(t, folder, receiver.AuditOptions{Now: c.Now})
	f := newFakeMESH(
		notice{id: "1", thing: "a", updated: "2026-01-02T00:00:00Z"}.in("M1"),
		notice{id: "2", thing: "a", updated: "2026-01-03T00:00:00Z", kind: "update"}.in("M2"),
		notice{id: "3", thing: "b", updated: "2026-01-02T00:00:00Z", patient: "9434765919"}.in("M3"),
		notice{id: "4", thing: "a", updated: "2026-01-01T00:00:00Z"}.in("M4"),
	)
	_, err := newReceiver(t, f, c, func(c *receiver.Config) { c.Audit = a }).Collect(t.Context(), (&collected{}).handle)
	mustDo(t, err)
	reader, err := receiver.ReadAudit(folder) // while a has it open
	mustDo(t, err)
	thing := reader.Thing(receiver.Identifier{System: "https://example.nhs.uk/vaccination", Value: "a"})
	for name, c := range map[string]struct {
		filter receiver.AuditFilter
		want   []string
	}{
		"a patient":          {receiver.AuditFilter{Patient: reader.Patient("9434765919")}, []string{"received M3", "processed M3"}},
		"a thing's outcomes": {receiver.AuditFilter{Thing: thing, Steps: []receiver.Step{receiver.Processed, receiver.Discarded}}, []string{"processed M1", "processed M2 1", "discarded M4 2"}},
		"superseded":         {receiver.AuditFilter{Outcomes: []receiver.Outcome{receiver.Superseded}}, []string{"discarded M4 2"}},
		"a MESH message":     {receiver.AuditFilter{MeshID: "M2"}, []string{"received M2 1", "processed M2 1"}},
		"an event":           {receiver.AuditFilter{MessageID: "3"}, []string{"received M3", "processed M3"}},
		"nobody":             {receiver.AuditFilter{Patient: reader.Patient("9990000018")}, nil},
	} {
		var got []string
		for e, err := range reader.Entries(c.filter) {
			mustDo(t, err)
			got = append(got, strings.TrimSpace(string(e.Step)+" "+e.MeshID+" "+e.Earlier))
		}
		if d := gocmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	other := openAudit(t, t.TempDir(), receiver.AuditOptions{})
	if reader.Patient("9434765919") == other.Patient("9434765919") || reader.Patient("") != "" || reader.Thing(receiver.Identifier{}) != "" {
		t.Error("digests of two audits are the same, or nobody has one")
	}
	mustDo(t, a.Close())
	mustDo(t, os.WriteFile(filepath.Join(folder, "audit.key"), []byte("abcd\n"), 0o600))
	if _, err := receiver.OpenAudit(folder, receiver.AuditOptions{}); !errors.Is(err, receiver.ErrDamaged) {
		t.Errorf("half a key: %v", err)
	}
}

// Export writes every entry that can be read, and returns an error for those that cannot.
func TestExportGoesOnAfterDamage(t *testing.T) {
	c, folder := newClock(), t.TempDir()
	a := openAudit(t, folder, receiver.AuditOptions{Now: c.Now})
	mustDo(t, os.WriteFile(filepath.Join(folder, c.Now().Format("audit-2006-01-02.jsonl")), []byte("nonsense\n"), 0o600))
	mustDo(t, a.Note(receiver.Message{ID: "1"}, "", ""))
	var out strings.Builder
	if err := a.Export(&out, receiver.AuditFilter{}); !errors.Is(err, receiver.ErrDamaged) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v, %q", err, out.String())
	}
}

// Looking at a mailbox is access too.
func TestAuditOfWhoOnlyLooks(t *testing.T) {
	c := newClock()
	a := openAudit(t, t.TempDir(), receiver.AuditOptions{Now: c.Now})
	f := newFakeMESH(notice{id: "1", thing: "a"}.in("M1"), notice{id: "2", thing: "a"}.in("M2"))
	r := newReceiver(t, f, c, func(c *receiver.Config) { c.Audit, c.Keep = a, true })
	tally, err := r.Collect(t.Context(), fails(&collected{}, receiver.Ignore(errNo), "M2"))
	if err != nil || tally != (receiver.Tally{Handled: 1, Ignored: 1}) || len(f.acknowledged()) > 0 {
		t.Errorf("%+v, %v", tally, err)
	}
	want := []string{"received M1", "left M1  looked at, not acknowledged", "received M2", "left M2  ignored: no"}
	if d := gocmp.Diff(want, told(t, a)); d != "" {
		t.Error(d)
	}
}

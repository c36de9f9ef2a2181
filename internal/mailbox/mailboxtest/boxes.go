// Package mailboxtest has a mailbox.Boxes in memory that fails on demand, for
// tests of what stands on mailboxes.
package mailboxtest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/mailbox"
	"nems/internal/nhs"
	"nems/internal/store"
)

var (
	_ mailbox.Boxes    = (*Boxes)(nil)
	_ mailbox.Recorder = (*Boxes)(nil)
)

// Boxes keeps its promises of mailbox.Boxes, except that nothing is on disk.
type Boxes struct {
	// Fault is asked before and after each change (done tells which), with the
	// method's name; an error of it is the method's. An error after the change
	// is the outcome nobody knows.
	Fault func(method string, done bool) error

	mu        sync.Mutex
	mailboxes map[string]store.Mailbox
	workflows map[string]store.Workflow
	messages  map[place]store.Message
	chunks    map[place]map[int][]byte
	nonces    map[[16]byte]bool
	recorded  []audit.Entry
	now       func() time.Time
	last      store.EventID
	moments   store.Moments
}

// place is where a message lies.
type place struct {
	mailbox  int64
	position store.EventID
}

// New returns Boxes with mailboxes, whose rows it gives them, and workflows.
// now is the clock of the positions.
func New(now func() time.Time, mailboxes []store.Mailbox, workflows []store.Workflow) *Boxes {
	b := &Boxes{
		mailboxes: map[string]store.Mailbox{}, workflows: map[string]store.Workflow{},
		nonces: map[[16]byte]bool{}, now: now,
	}
	b.empty()
	for i, m := range mailboxes {
		m.Row = int64(i + 1)
		b.mailboxes[strings.ToUpper(m.ID)] = m
	}
	for _, w := range workflows {
		b.workflows[w.ID] = w
	}
	return b
}

func (b *Boxes) empty() {
	b.messages, b.chunks = map[place]store.Message{}, map[place]map[int][]byte{}
}

// change runs f alone, between the two chances to fail.
func (b *Boxes) change(method string, f func() error) error {
	if b.Fault != nil {
		if err := b.Fault(method, false); err != nil {
			return err
		}
	}
	b.mu.Lock()
	err := f()
	b.mu.Unlock()
	if err == nil && b.Fault != nil {
		return b.Fault(method, true)
	}
	return err
}

// Mailbox implements mailbox.Boxes.
func (b *Boxes) Mailbox(_ context.Context, id string) (store.Mailbox, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, ok := b.mailboxes[strings.ToUpper(id)]
	if !ok {
		return store.Mailbox{}, store.ErrNotFound
	}
	return m, nil
}

// selected returns the messages that pass, in the order of their positions.
func (b *Boxes) selected(keep func(store.Message) bool) []store.Message {
	var all []store.Message
	for _, m := range b.messages {
		if keep(m) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(x, y store.Message) int { return cmp.Compare(x.Position, y.Position) })
	return all
}

func page(all []store.Message, max int) []store.Message { return all[:min(len(all), max)] }

// waiting returns the unread messages of a mailbox.
func (b *Boxes) waiting(mailbox int64) []store.Message {
	return b.selected(func(m store.Message) bool { return m.Mailbox == mailbox && m.Status == store.Waiting })
}

// List implements mailbox.Boxes.
func (b *Boxes) List(_ context.Context, q store.InboxQuery) ([]store.Listed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var listed []store.Listed
	for _, m := range b.waiting(q.Mailbox) {
		if m.Position > q.After && len(listed) < q.Max {
			listed = append(listed, store.Listed{Position: m.Position, Workflow: m.Workflow})
		}
	}
	return listed, nil
}

// Count implements mailbox.Boxes.
func (b *Boxes) Count(_ context.Context, mailbox int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting(mailbox)), nil
}

// Message implements mailbox.Boxes.
func (b *Boxes) Message(_ context.Context, mailbox int64, position store.EventID) (store.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, ok := b.messages[place{mailbox, position}]
	if !ok {
		return store.Message{}, store.ErrNotFound
	}
	m.Patient = nhs.NHSNumber{} // Chunk says so
	return m, nil
}

// newestFirst selects for the two histories.
func (b *Boxes) newestFirst(since time.Time, before store.EventID, max int, keep func(store.Message) bool) []store.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.selected(func(m store.Message) bool {
		return keep(m) && !b.moments.Of(m.Position).Before(since) && (before == 0 || m.Position < before)
	})
	slices.Reverse(all)
	return page(all, max)
}

// History implements mailbox.Boxes.
func (b *Boxes) History(_ context.Context, mailbox int64, since time.Time, before store.EventID, max int) ([]store.Message, error) {
	return b.newestFirst(since, before, max, func(m store.Message) bool {
		return m.Mailbox == mailbox && m.Status != store.Uploading
	}), nil
}

// Outbox implements mailbox.Boxes.
func (b *Boxes) Outbox(_ context.Context, sender string, since time.Time, before store.EventID, max int) ([]store.Message, error) {
	return b.newestFirst(since, before, max, func(m store.Message) bool {
		return m.Sender == sender && m.EventCode == ""
	}), nil
}

// Chunk implements mailbox.Boxes.
func (b *Boxes) Chunk(_ context.Context, m *store.Message, n int, w io.Writer) error {
	if b.Fault != nil {
		if err := b.Fault("Chunk", false); err != nil {
			return err
		}
	}
	b.mu.Lock()
	chunk, ok := b.chunks[place{m.Mailbox, m.Position}][n]
	m.Patient = b.messages[place{m.Mailbox, m.Position}].Patient
	b.mu.Unlock()
	if !ok {
		return store.ErrNotFound
	}
	if _, err := io.Copy(w, bytes.NewReader(chunk)); err != nil {
		return fmt.Errorf("writing a chunk: %w", err)
	}
	return nil
}

// Acknowledge implements mailbox.Boxes.
func (b *Boxes) Acknowledge(_ context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error {
	return b.change("Acknowledge", func() error {
		m, ok := b.messages[place{mailbox, position}]
		if !ok {
			return store.ErrNotFound
		}
		b.record(e, m.Patient)
		if m.Status == store.Waiting {
			m.Status, m.StatusAt = store.Acknowledged, at
			b.messages[place{mailbox, position}] = m
		}
		return nil
	})
}

// Send implements mailbox.Boxes.
func (b *Boxes) Send(_ context.Context, m store.Message, first []byte, e *audit.Entry) error {
	return b.change("Send", func() error {
		b.record(e, nhs.NHSNumber{})
		if first != nil {
			b.put(place{m.Mailbox, m.Position}, 1, first)
		}
		b.messages[place{m.Mailbox, m.Position}] = m
		return nil
	})
}

func (b *Boxes) put(p place, n int, chunk []byte) {
	if b.chunks[p] == nil {
		b.chunks[p] = map[int][]byte{}
	}
	b.chunks[p][n] = bytes.Clone(chunk)
}

// PutChunk implements mailbox.Boxes, but for its promise about memory.
func (b *Boxes) PutChunk(_ context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error) {
	chunk, err := io.ReadAll(r)
	if err != nil {
		return 0, fmt.Errorf("reading a chunk: %w", err)
	}
	err = b.change("PutChunk", func() error {
		b.put(place{mailbox, position}, n, chunk)
		return nil
	})
	return int64(len(chunk)), err
}

// Complete implements mailbox.Boxes.
func (b *Boxes) Complete(_ context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (bool, error) {
	complete := false
	err := b.change("Complete", func() error {
		p := place{mailbox, position}
		m, ok := b.messages[p]
		if !ok {
			return store.ErrNotFound
		}
		if m.Status != store.Uploading || len(b.chunks[p]) < m.Chunks {
			return nil
		}
		complete = true
		b.record(e, nhs.NHSNumber{})
		m.Status, m.StatusAt, m.Expires, m.Size = store.Waiting, at, expires, 0
		for _, chunk := range b.chunks[p] {
			m.Size += int64(len(chunk))
		}
		b.messages[p] = m
		return nil
	})
	return complete, err
}

// SentByLocalID implements mailbox.Boxes.
func (b *Boxes) SentByLocalID(_ context.Context, sender, localID string) ([]store.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.selected(func(m store.Message) bool { return m.Sender == sender && m.LocalID == localID }), nil
}

// SetStatus implements mailbox.Boxes.
func (b *Boxes) SetStatus(_ context.Context, m store.Message, report *store.Message) error {
	return b.change("SetStatus", func() error {
		p := place{m.Mailbox, m.Position}
		old, ok := b.messages[p]
		if !ok {
			return store.ErrNotFound
		}
		old.Status, old.StatusAt, old.LinkedID = m.Status, m.StatusAt, m.LinkedID
		old.ErrorCode, old.ErrorEvent, old.ErrorText = m.ErrorCode, m.ErrorEvent, m.ErrorText
		b.messages[p] = old
		if report != nil {
			b.messages[place{report.Mailbox, report.Position}] = *report
		}
		return nil
	})
}

// Overdue implements mailbox.Boxes.
func (b *Boxes) Overdue(_ context.Context, now time.Time, max int) ([]store.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return page(b.selected(func(m store.Message) bool {
		return m.Status == store.Waiting && !m.Expires.After(now)
	}), max), nil
}

// Purge implements mailbox.Boxes.
func (b *Boxes) Purge(_ context.Context, before time.Time, max int) (int, error) {
	removed := 0
	err := b.change("Purge", func() error {
		old := b.selected(func(m store.Message) bool { return b.moments.Of(m.Position).Before(before) })
		for _, m := range page(old, max) {
			delete(b.messages, place{m.Mailbox, m.Position})
			delete(b.chunks, place{m.Mailbox, m.Position})
			removed++
		}
		return nil
	})
	return removed, err
}

// Lookup implements mailbox.Boxes.
func (b *Boxes) Lookup(_ context.Context, ods string) ([]store.Mailbox, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []store.Mailbox
	for _, m := range b.mailboxes {
		if m.ODS == nhs.ODSCode(ods) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(x, y store.Mailbox) int { return cmp.Compare(x.Row, y.Row) })
	return found, nil
}

// Restricted implements mailbox.Boxes.
func (b *Boxes) Restricted(_ context.Context, workflow string) (store.Workflow, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, ok := b.workflows[workflow]
	return w, ok, nil
}

// UseNonce implements mailbox.Boxes.
func (b *Boxes) UseNonce(_ context.Context, digest [16]byte, _ time.Time) (bool, error) {
	fresh := false
	err := b.change("UseNonce", func() error {
		fresh = !b.nonces[digest]
		b.nonces[digest] = true
		return nil
	})
	return fresh, err
}

// NextPosition implements mailbox.Boxes: at least a microsecond after the one
// before.
func (b *Boxes) NextPosition() store.EventID {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = max(store.EventID(b.now().UnixMicro()<<12), b.last+1<<12)
	return b.last
}

// Reset implements mailbox.Boxes.
func (b *Boxes) Reset(_ context.Context, row int64) error {
	return b.change("Reset", func() error {
		if row == 0 {
			b.empty()
			return nil
		}
		for p := range b.messages {
			if p.mailbox == row {
				delete(b.messages, p)
				delete(b.chunks, p)
			}
		}
		return nil
	})
}

// record keeps the entry of a change, about a patient.
func (b *Boxes) record(e *audit.Entry, patient nhs.NHSNumber) {
	if e != nil {
		done := *e
		done.Patient = patient
		b.recorded = append(b.recorded, done)
	}
}

// Record implements mailbox.Recorder.
func (b *Boxes) Record(e audit.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recorded = append(b.recorded, e)
}

// RecordRoom implements mailbox.Recorder; Fault may say that there is none.
func (b *Boxes) RecordRoom(string) error {
	if b.Fault != nil {
		return b.Fault("RecordRoom", false)
	}
	return nil
}

// Recorded returns the audit so far.
func (b *Boxes) Recorded() []audit.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.recorded)
}

// Stored returns how many messages and chunks there are, in whatever state.
func (b *Boxes) Stored() (messages, chunks int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.chunks {
		chunks += len(c)
	}
	return len(b.messages), chunks
}

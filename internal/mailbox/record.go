package mailbox

import (
	"cmp"
	"errors"
	"net/http"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/requestid"
	"nems/internal/store"
	"nems/internal/tracing"
)

// Recorder writes audit entries of what callers did. Safe for concurrent use.
type Recorder interface {
	// RecordRoom returns store.ErrBusy if there might be no room for an entry of
	// a mailbox ("" for none). Each mailbox has a share of the room.
	RecordRoom(mailbox string) error
	// Record takes an entry of something that changed nothing: a read, a refusal.
	// It never waits: the entry joins the next commit, which comes soon. Of entries
	// beyond a limit only the number is recorded.
	Record(e audit.Entry)
}

// noRecorder is the Recorder of a server without an audit.
type noRecorder struct{}

func (noRecorder) RecordRoom(string) error { return nil }
func (noRecorder) Record(audit.Entry)      {}

// record writes the audit entry of the call, unless the store has committed it
// with the change. It is called before the first byte of the answer, so that
// nobody sees anything without an audit entry.
func (c *call) record(status int) {
	if c.action == "" || c.recorded {
		return
	}
	c.recorded = true
	c.Recorder.Record(c.entry(status))
}

// entry returns the audit entry of the call, with an HTTP status.
func (c *call) entry(status int) audit.Entry {
	e := audit.Entry{
		At: c.Now().UTC(), Action: c.action, Mailbox: c.asked.ID, ODS: c.asked.ODS, Outcome: c.outcome, Status: status,
		Object: c.object, EventType: c.about.EventCode, Patient: c.about.Patient,
		Request: requestid.ID(c.r.Context()),
	}
	if c.Certificate != nil {
		e.Certificate = c.Certificate(c.r)
	}
	return e
}

// with returns the entry of a change that succeeds, for the store to commit with the change.
func (c *call) with(status int) *audit.Entry {
	e := c.entry(status)
	return &e
}

// did records that the store has committed the entry of a change, if the change was made.
func (c *call) did(err error) error {
	c.recorded = c.recorded || err == nil
	return err
}

// outcomeOf names a refusal for the audit: MESH's code, or its description if it
// has no code. Neither contains anything that the caller sent.
func outcomeOf(err error) string {
	var refusal *mesh.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &invalid{}):
		return "HTTPValidationError"
	case errors.As(err, &tooLarge):
		return mesh.TooLarge.Code
	case errors.As(err, &refusal):
		return cmp.Or(refusal.Code, refusal.Description)
	case store.Temporary(err):
		return mesh.Unavailable.Description
	}
	return mesh.Internal.Description
}

// concerns records which message the call is about. The id is the store's, not
// what the caller wrote.
func (c *call) concerns(m store.Message) {
	c.about, c.object = m, messageID(m)
	tracing.Event(c.r.Context(), int64(m.Position))
}

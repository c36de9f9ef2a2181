// Package audit keeps the record of who did what: the entries, their encoding,
// and the hash chain that makes later edits, removals and reordering visible.
package audit

import (
	"time"

	"github.com/google/uuid"

	"nems/internal/nhs"
)

// Entry is one line of the audit: who did what to what, when, and with what result.
type Entry struct {
	At          time.Time
	Action      Action
	Certificate string // subject name of the client certificate, "" without one
	ASID        nhs.ASID
	ODS         nhs.ODSCode
	User        string // requesting_user
	Reason      string // reason_for_request
	Interaction string // interaction id; of operators: how their name was proven, "" if it was only claimed
	Object      string // subscription id, event id or MESH message id
	EventType   string
	Patient     nhs.NHSNumber
	Mailbox     string
	Outcome     string // Spine code of a refusal, "" when it succeeded
	Status      int    // HTTP status of the answer
	Count       int    // how many equal events this entry stands for; 0 and 1 mean one
	// Request is the id of the request, which its answer and the log have too
	// (X-Request-ID); zero where there was none, and in entries of earlier versions.
	Request uuid.UUID
}

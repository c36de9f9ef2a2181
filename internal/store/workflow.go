package store

import (
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
)

// Workflow lists the mailboxes that may send and receive a workflow id.
type Workflow struct {
	ID        string
	Senders   []string
	Receivers []string
}

// Receivers says who may receive which workflow: the ids of mailboxes, in
// capitals, by workflow id. A workflow that is not in it is open to all.
type Receivers map[string]map[string]bool

// Add restricts a workflow to its receivers.
func (r Receivers) Add(w Workflow) {
	ids := make(map[string]bool, len(w.Receivers))
	for _, id := range w.Receivers {
		ids[strings.ToUpper(id)] = true
	}
	r[w.ID] = ids
}

// Refuse reports whether a mailbox is served here and not registered for a
// workflow. The copy of an event is then parked instead of filed in its inbox.
// For a remote mailbox, its own MESH decides what it may receive.
func (r Receivers) Refuse(workflow string, box Mailbox) bool {
	ids, restricted := r[workflow]
	return restricted && !box.Remote && !ids[strings.ToUpper(box.ID)]
}

// notRegistered is MESH's own answer, mesh.NotRegistered. It is repeated here so
// that packages that need a store do not have to import package mesh with its
// HTTP client.
var notRegistered = fault{ErrorCode: "17", ErrorEvent: "SEND", ErrorText: "Workflow ID not registered for mailbox"}

// NotRegistered is why such a copy is parked.
var NotRegistered = notRegistered.pack()

// ParkedEntry returns the audit entry for a copy, of an event about a patient, that
// is parked when it is made.
func ParkedEntry(event EventID, code string, patient nhs.NHSNumber, box Mailbox, at time.Time) audit.Entry {
	return audit.Entry{At: at, Action: audit.ActionPark, Object: DeliveryID(event, box.Row), EventType: code, Patient: patient, Mailbox: box.ID, Outcome: notRegistered.ErrorCode}
}

package store

import (
	"strings"
	"time"

	"nems/internal/audit"
)

// Workflow names the mailboxes that may send and receive a workflow id.
type Workflow struct {
	ID        string
	Senders   []string
	Receivers []string
}

// Receivers tells who may be given which workflow: the ids of mailboxes, in
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

// Refuse tells whether a mailbox is served here and not registered for a
// workflow: a copy of an event is parked instead of filed in its inbox. What a
// remote mailbox may be given is for its MESH to say.
func (r Receivers) Refuse(workflow string, box Mailbox) bool {
	ids, restricted := r[workflow]
	return restricted && !box.Remote && !ids[strings.ToUpper(box.ID)]
}

// notRegistered is MESH's own answer, mesh.NotRegistered; said here again, since
// package mesh would bring its HTTP client to whoever needs a store.
var notRegistered = fault{ErrorCode: "17", ErrorEvent: "SEND", ErrorText: "Workflow ID not registered for mailbox"}

// NotRegistered is why such a copy is parked.
var NotRegistered = notRegistered.pack()

// ParkedEntry is what the audit says of a copy that is parked as it is made.
func ParkedEntry(event EventID, code string, box Mailbox, at time.Time) audit.Entry {
	return audit.Entry{At: at, Action: audit.ActionPark, Object: DeliveryID(event, box.Row), EventType: code, Mailbox: box.ID, Outcome: notRegistered.ErrorCode}
}

package operator

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/event"
	"nems/internal/nhs"
	"nems/internal/store"
)

// RectificationQuestion asks who has learnt that an event was corrected or withdrawn.
// Exactly one of Event and Patient is given.
type RectificationQuestion struct {
	Event string `json:"event,omitempty" jsonschema:"the event that was corrected, or the correction: its number, MessageHeader.id, or the MESH message id or local id of a copy"`
	// Patient is an NHS number. It travels in bodies only, never in a URL.
	Patient string `json:"patient,omitempty" jsonschema:"an NHS number: all that was corrected or withdrawn about this patient"`
	// From and To bound the moments of acceptance of the events of a patient: [From, To).
	From   time.Time `json:"from,omitzero" jsonschema:"events accepted not before"`
	To     time.Time `json:"to,omitzero" jsonschema:"events accepted before"`
	Reason string    `json:"reason" jsonschema:"why you look: 1 to 200 characters; it is recorded"`
}

// Rectifications are the trails of what was corrected or withdrawn. They name no patient.
type Rectifications struct {
	Trails []Rectification `json:"trails"`
	// More says that not all was looked at: ask with from and to.
	More bool `json:"more,omitempty"`
	// Removed is how many events retention has removed: nothing tells any more what they
	// were about. They are among the versions of what may correct them.
	Removed int `json:"removed,omitempty"`
}

// Rectification is what became of one thing that was corrected or withdrawn: its
// versions, oldest first, and who had an earlier one.
type Rectification struct {
	EventType string `json:"eventType"`
	// Correction is the number of the event that corrects or withdraws, Kind update or
	// delete; 0 and "" where nothing was corrected.
	Correction int64     `json:"correction,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	At         time.Time `json:"at,omitzero"` // when the correction was accepted
	// Relation says how the events are known to be about the same thing.
	Relation string    `json:"relation"`
	Note     string    `json:"note,omitempty"`
	Versions []Version `json:"versions"`
	Holders  []Holder  `json:"holders"`
	// ToAct is how many of the holders have not learnt of the correction by themselves:
	// somebody has to see to it.
	ToAct int `json:"toAct"`
}

// Version is an event about the thing.
type Version struct {
	Event     int64     `json:"event"`
	Kind      string    `json:"kind,omitempty"`
	Accepted  time.Time `json:"accepted"`
	Publisher nhs.ASID  `json:"publisher,omitempty"`
	MessageID string    `json:"messageId,omitempty"`
	// Removed: retention has removed the event, and the audit alone tells of it. Whether
	// it was about the same thing is not known, except for events of the Spine.
	Removed bool `json:"removed,omitempty"`
}

// Told is how far somebody who had an earlier version has learnt of the correction.
type Told string

// How far.
const (
	ToldCollected Told = "collected" // the correction, or a later one
	ToldSent      Told = "sent"      // a MESH outside has it: whether it was collected there is not known here
	ToldWaiting   Told = "waiting"   // there is a copy, and it was not collected yet
	ToldNot       Told = "not told"
	ToldUnknown   Told = "not known" // the copies were removed, and the audit has no entry
)

// Holder is a mailbox or endpoint that had a copy of an earlier version.
type Holder struct {
	Mailbox       string      `json:"mailbox"`
	ODS           nhs.ODSCode `json:"ods,omitempty"`
	Organisation  string      `json:"organisation,omitempty"` // its name, where it is known
	Systems       []nhs.ASID  `json:"systems,omitempty"`      // that own the subscriptions
	Subscriptions []string    `json:"subscriptions,omitempty"`

	Event     int64       `json:"event"` // the last earlier version that it had
	Delivered time.Time   `json:"delivered,omitzero"`
	State     store.State `json:"state,omitempty"` // of that copy
	Collected time.Time   `json:"collected,omitzero"`

	Told      Told      `json:"told" jsonschema:"collected, sent, waiting, not told or not known"`
	ToldEvent int64     `json:"toldEvent,omitempty"` // the correction of which it has a copy
	ToldAt    time.Time `json:"toldAt,omitzero"`     // of the copy's state
	// Why says why it has not learnt of the correction.
	Why string `json:"why,omitempty"`
	// Act: it does not learn of the correction by itself.
	Act bool `json:"act,omitempty"`
	// Evidence is where the earlier copy is known from: store or audit.
	Evidence string `json:"evidence"`
}

// What one question costs at most: how many messages are read, and how many copies of
// an event looked at.
const (
	mostVersions = 500
	mostHolders  = 2000
)

// rectifications tells who had what was corrected or withdrawn, and who has learnt of
// it. That somebody looked is recorded, with the reason.
func (d Desk) rectifications(ctx context.Context, q RectificationQuestion) (none Rectifications, err error) {
	if err := reasoned(q.Reason); err != nil {
		return none, err
	}
	if (q.Event == "") == (q.Patient == "") {
		return none, expected("event", "either an event or a patient", "both or neither")
	}
	r := rectifying{desk: d, question: q, names: d.names(ctx)}
	if q.Patient != "" {
		if r.patient, err = nhs.ParseNHSNumber(q.Patient); err != nil {
			return none, invalid("patient", "patient: %s", err)
		}
	} else if err := r.begin(ctx); err != nil {
		return none, err
	}
	entry := d.entry(audit.ActionReadRectification, "")
	entry.Patient, entry.Reason, entry.EventType = r.patient, q.Reason, r.code
	if r.event != 0 {
		entry.Object = number(r.event)
	}
	d.Store.Record(entry)
	if r.patient.IsZero() {
		return none, conflict("event %d is about nobody whom it names: nothing tells which events correct it", r.event)
	}
	if r.evidence, err = d.evidence(ctx, r.patient, q.From, q.To); err != nil {
		return none, err
	}
	return r.trails(ctx)
}

// sameThing says how events are known to be about the same thing.
func sameThing(code string) string {
	if event.FromSpine(code) {
		return "Events of this type give the record of the patient as it is: each replaces those before it."
	}
	return "Same event type and same identifier of the focus."
}

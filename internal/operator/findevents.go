package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// EventOutcome is what became of an event when it was routed: matched, unmatched,
// withheld, waiting or undeliverable (store.EventOutcomes).
type EventOutcome = store.EventOutcome

// EventFilter selects events. Fields that are zero do not filter.
type EventFilter struct {
	// From and To bound the moments of acceptance: [From, To).
	From      time.Time    `json:"from,omitzero" jsonschema:"accepted not before"`
	To        time.Time    `json:"to,omitzero" jsonschema:"accepted before"`
	EventType string       `json:"eventType,omitempty"`
	Kind      string       `json:"kind,omitempty" jsonschema:"new, update or delete"`
	Publisher nhs.ASID     `json:"publisher,omitempty" jsonschema:"the ASID of the publishing system"`
	ODS       nhs.ODSCode  `json:"ods,omitempty" jsonschema:"the organisation for which the publishing system is registered"`
	MessageID string       `json:"messageId,omitempty" jsonschema:"MessageHeader.id"`
	MESHID    string       `json:"meshId,omitempty" jsonschema:"the MESH message id or local id of a copy"`
	Outcome   EventOutcome `json:"outcome,omitempty" jsonschema:"matched, unmatched, withheld, waiting (for the patient directory) or undeliverable (the directory does not know the patient)"`
	Mailbox   string       `json:"mailbox,omitempty" jsonschema:"with a copy for this mailbox, as far as copies are filed"`
	// Patient is an NHS number. It travels in bodies only, never in a URL.
	Patient string `json:"patient,omitempty" jsonschema:"an NHS number; needs the role governance, and is recorded"`
}

// FoundEvent is an accepted event. It holds nothing about its patient.
type FoundEvent struct {
	Event     int64        `json:"event"`
	Accepted  time.Time    `json:"accepted"`
	EventType string       `json:"eventType"`
	Kind      string       `json:"kind"`
	Publisher nhs.ASID     `json:"publisher"`
	ODS       nhs.ODSCode  `json:"ods,omitempty" jsonschema:"the first organisation for which the publishing system is registered"`
	MessageID string       `json:"messageId" jsonschema:"MessageHeader.id"`
	Outcome   EventOutcome `json:"outcome"`
	Copies    int64        `json:"copies" jsonschema:"how many mailboxes got a copy"`
}

// What one page of events costs at most: how many events it looks at, or of a mailbox
// copies, and how many links of the audit it reads for a patient.
const (
	mostEvents       = 10_000
	mostOfMailbox    = 4_000
	mostPatientLinks = 5_000
)

// events lists what a filter selects, the newest first. A page that has looked at
// enough events ends early, so it may be short, even empty, before the end.
// NotFound for a mailbox that is not there; a search for a patient is Forbidden
// without the role for it.
func (d Desk) events(ctx context.Context, s Search[EventFilter]) (none Page[FoundEvent], err error) {
	patient, err := s.Filter.validate()
	if err != nil {
		return none, err
	}
	if !patient.IsZero() {
		if err := d.may(Governance); err != nil {
			return none, err
		}
	}
	l, err := list[store.EventID](d, "events", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	if !patient.IsZero() && s.After == "" {
		e := d.entry(audit.ActionFindEvents, "")
		e.EventType, e.Patient, e.Mailbox = s.Filter.EventType, patient, s.Filter.Mailbox
		d.Store.Record(e)
	}
	q, err := d.eventQuery(ctx, s.Filter, patient)
	if err != nil {
		return none, named(err, "copy", s.Filter.MESHID)
	}
	if q.Before, q.Max, q.Effort = l.after, l.limit, mostEvents; q.Mailbox != "" {
		q.Effort = mostOfMailbox
	}
	found, err := d.Store.FindEvents(ctx, q)
	if err != nil {
		return none, named(err, "mailbox", s.Filter.Mailbox)
	}
	out := Page[FoundEvent]{Items: make([]FoundEvent, len(found.Found))}
	publishers := map[nhs.ASID]nhs.ODSCode{}
	for i, e := range found.Found {
		ods, known := publishers[e.Publisher]
		if !known {
			ods = d.organisationOf(ctx, e.Publisher)
			publishers[e.Publisher] = ods
		}
		out.Items[i] = FoundEvent{int64(e.Event), e.At, e.Code, e.Kind, e.Publisher, ods, e.MessageID, e.Outcome, e.Copies}
	}
	if found.Next != 0 {
		out.Next, err = d.seal(l.name, l.filter, found.Next)
	}
	return out, err
}

// validate checks the filter, and reads its patient.
func (f EventFilter) validate() (patient nhs.NHSNumber, err error) {
	if f.Outcome != "" && !slices.Contains(store.EventOutcomes, f.Outcome) {
		return patient, expected("outcome", fmt.Sprintf("one of %v", store.EventOutcomes), string(f.Outcome))
	}
	if f.ODS != "" {
		if ods, err := nhs.ParseODSCode(string(f.ODS)); err != nil || ods != f.ODS {
			return patient, invalid("ods", "ods: %s", nhs.ErrODSCode)
		}
	}
	if len(f.MessageID) > mostName || len(f.MESHID) > mostName {
		return patient, invalid("", "expected an id of at most %d bytes", mostName)
	}
	if f.Patient != "" {
		if patient, err = nhs.ParseNHSNumber(f.Patient); err != nil {
			return patient, invalid("patient", "patient: %s", err)
		}
	}
	return patient, nil
}

// eventQuery is what a filter asks of a store.
func (d Desk) eventQuery(ctx context.Context, f EventFilter, patient nhs.NHSNumber) (q store.EventQuery, err error) {
	q = store.EventQuery{From: f.From, To: f.To, Code: f.EventType, Kind: f.Kind, MessageID: f.MessageID, Mailbox: f.Mailbox, Outcome: f.Outcome}
	if f.Publisher != "" {
		q.Publishers = []nhs.ASID{f.Publisher}
	}
	if f.ODS != "" {
		of, err := d.systemsOf(ctx, f.ODS)
		if err != nil {
			return q, err
		}
		q.Publishers = slices.DeleteFunc(of, func(asid nhs.ASID) bool { return f.Publisher != "" && asid != f.Publisher })
	}
	if f.MESHID != "" {
		if q.Event, err = d.eventOfCopy(ctx, f.MESHID); err != nil {
			return q, err
		}
	}
	if !patient.IsZero() {
		q.Events, err = d.eventsAbout(ctx, patient, f.From, f.To)
	}
	return q, err
}

// systemsOf lists the systems that are registered for an organisation, revoked ones
// too. It is never nil.
func (d Desk) systemsOf(ctx context.Context, ods nhs.ODSCode) ([]nhs.ASID, error) {
	of := []nhs.ASID{}
	for after := nhs.ASID(""); ; {
		rows, err := d.Store.SystemsAfter(ctx, after, MaxLimit)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if s, err := DecodeSystem(row); err == nil && slices.Contains(s.ODSCodes, ods) {
				of = append(of, row.ASID)
			}
		}
		if len(rows) < MaxLimit {
			return of, nil
		}
		after = rows[len(rows)-1].ASID
	}
}

// organisationOf is the first organisation for which a system is registered; "" where
// that is not known.
func (d Desk) organisationOf(ctx context.Context, asid nhs.ASID) nhs.ODSCode {
	row, err := d.Store.System(ctx, asid)
	if err != nil {
		return ""
	}
	s, err := DecodeSystem(row)
	if err != nil || len(s.ODSCodes) == 0 {
		return ""
	}
	return s.ODSCodes[0]
}

// eventsAbout finds in the audit, which has an index by patient, what was published
// about one. It is never nil.
func (d Desk) eventsAbout(ctx context.Context, patient nhs.NHSNumber, from, to time.Time) ([]store.EventID, error) {
	span, err := d.Store.AuditSpan(ctx, sooner(from), later(to))
	if err != nil {
		return nil, err
	}
	out := []store.EventID{}
	for found, links := (store.AuditAbout{Rest: span}), 0; !found.Whole(); {
		if found, err = d.Store.AuditAbout(ctx, found.Rest, []nhs.NHSNumber{patient}, mostLinks, mostEntries); err != nil {
			return nil, err
		}
		for _, link := range found.Links {
			entries, err := link.Unpack()
			if err != nil {
				return nil, unreadable(link.Link, err)
			}
			for _, e := range entries {
				if e.Action != audit.ActionPublish || e.Outcome != "" || e.Patient != patient {
					continue
				}
				if id, err := strconv.ParseInt(e.Object, 10, 64); err == nil {
					out = append(out, store.EventID(id))
				}
			}
		}
		if links += len(found.Links); links > mostPatientLinks {
			return nil, invalid("from", "from: very much was published about this patient: give from and to")
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// noEvent is the number of an event that there never is.
const noEvent store.EventID = 1

// eventOfCopy finds the event of a copy by the id that it has in a MESH; noEvent
// where there is none.
func (d Desk) eventOfCopy(ctx context.Context, id string) (store.EventID, error) {
	if event, ok := eventIn(id); ok {
		return event, nil
	}
	event, err := d.Store.EventByMESHID(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return noEvent, nil
	}
	return event, err
}

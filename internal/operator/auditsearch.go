package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Filter selects audit entries. Fields that are zero do not filter.
type Filter struct {
	// From and To bound the moments of the entries: [From, To).
	From time.Time `json:"from,omitzero" jsonschema:"not before"`
	To   time.Time `json:"to,omitzero" jsonschema:"before"`
	ASID nhs.ASID  `json:"asid,omitempty"`
	// Patient is an NHS number. It travels in bodies only, never in a URL.
	Patient string       `json:"patient,omitempty" jsonschema:"an NHS number"`
	Action  audit.Action `json:"action,omitempty" jsonschema:"publish, subscribe, read, system-put, ..."`
	// Outcome is a Spine code, or ok for successes, or refused for all others.
	Outcome string `json:"outcome,omitempty" jsonschema:"a Spine code, ok, or refused for all that is not ok"`
	// Request is the id of one request: its answer's X-Request-ID, "request" in the log.
	Request string `json:"request,omitempty" jsonschema:"the id of a request (X-Request-ID), a UUID"`
	// Newest begins with the newest entry; otherwise the oldest comes first.
	Newest bool `json:"newest,omitempty" jsonschema:"begin with the newest; otherwise the oldest comes first"`
}

// auditPlace is what is left to read of the audit: a part of it, of whose first
// link in the order of reading some entries were read already.
type auditPlace struct {
	Span store.AuditSpan
	Read int
}

// audit lists the entries that a filter selects, as of the moment of the first
// page. That somebody looked is itself recorded.
func (d Desk) audit(ctx context.Context, s Search[Filter]) (none Page[Record], err error) {
	matches, err := s.Filter.compile()
	if err != nil {
		return none, err
	}
	l, err := list[auditPlace](d, "audit", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	if s.After == "" {
		d.Store.Record(d.readEntry(s.Filter))
		if l.after.Span, err = d.Store.AuditSpan(ctx, sooner(s.Filter.From), later(s.Filter.To)); err != nil {
			return none, err
		}
	}
	return d.entries(ctx, l, s.Filter.Newest, matches)
}

// readEntry says what an operator looked for, the patient included.
func (d Desk) readEntry(f Filter) audit.Entry {
	entry := d.entry(audit.ActionReadAudit, "")
	entry.ASID = f.ASID
	entry.Patient, _ = nhs.ParseNHSNumber(f.Patient) // compile has checked it
	shown := f
	shown.Patient, shown.ASID = "", ""
	if text, err := json.Marshal(shown); err == nil {
		entry.Object = string(text)
	}
	return entry
}

// compile checks a filter and returns what entries it selects.
func (f Filter) compile() (func(audit.Entry) bool, error) {
	var patient nhs.NHSNumber
	if f.Patient != "" {
		var err error
		if patient, err = nhs.ParseNHSNumber(f.Patient); err != nil {
			return nil, invalid("patient", "patient: %s", err)
		}
	}
	var request uuid.UUID
	if f.Request != "" {
		var err error
		if request, err = uuid.Parse(f.Request); err != nil || request == uuid.Nil {
			return nil, invalid("request", "request: expected a UUID, as the header X-Request-ID of an answer and the lines of the log have it")
		}
	}
	return func(e audit.Entry) bool {
		return (f.From.IsZero() || !e.At.Before(f.From)) && (f.To.IsZero() || e.At.Before(f.To)) &&
			(f.ASID == "" || e.ASID == f.ASID) && (patient.IsZero() || e.Patient == patient) &&
			(f.Action == "" || e.Action == f.Action) && (request == uuid.Nil || e.Request == request) && f.outcome(e)
	}, nil
}

func (f Filter) outcome(e audit.Entry) bool {
	switch f.Outcome {
	case "":
		return true
	case "ok":
		return e.Outcome == ""
	case "refused":
		return e.Outcome != ""
	}
	return e.Outcome == f.Outcome
}

// slack is how far the moment of a commit may lie from those of its entries:
// recorded ones wait for the next commit.
const slack = time.Minute

func sooner(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-slack)
}

func later(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(slack)
}

// What one page reads at most, so that its cost is bounded however little a filter
// selects.
const (
	mostLinks   = 500
	mostEntries = 20_000
)

// entries reads on from a place until a page is full or has cost enough.
func (d Desk) entries(ctx context.Context, l listing[auditPlace], newest bool, matches func(audit.Entry) bool) (none Page[Record], err error) {
	at := l.after
	links, err := d.Store.AuditLinks(ctx, at.Span, newest, mostLinks)
	if err != nil {
		return none, err
	}
	out, seen := Page[Record]{Items: []Record{}}, 0
	for _, link := range links {
		entries, err := link.Unpack()
		if err != nil {
			return none, unreadable(link.Link, err)
		}
		if newest {
			slices.Reverse(entries)
		}
		for _, e := range entries[min(at.Read, len(entries)):] {
			if len(out.Items) == l.limit || seen == mostEntries {
				out.Next, err = d.seal(l.name, l.filter, at)
				return out, err
			}
			seen, at.Read = seen+1, at.Read+1
			if matches(e) {
				r := newRecord(e)
				r.Chain, r.Link = link.Chain, link.Seq
				out.Items = append(out.Items, r)
			}
		}
		at = auditPlace{Span: at.Span.Behind(link, newest)}
	}
	if len(links) == mostLinks {
		out.Next, err = d.seal(l.name, l.filter, at)
	}
	return out, err
}

// unreadable names the link whose entries make no sense.
func unreadable(l audit.Link, err error) error {
	if errors.Is(err, audit.ErrEncoding) {
		return fmt.Errorf("audit chain %d, link %d: %w; nems audit verify tells more", l.Chain, l.Seq, err)
	}
	return err
}

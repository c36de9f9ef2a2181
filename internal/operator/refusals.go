package operator

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Refusals are the requests that were refused lately, with their reasons.
type Refusals interface {
	// Refusals lists what a query selects, the newest first.
	Refusals(ctx context.Context, q store.RefusedQuery) ([]store.Refused, error)
}

// Refusal is a request that was refused, and why.
type Refusal struct {
	At          time.Time    `json:"at"`
	Action      audit.Action `json:"action"`
	ASID        nhs.ASID     `json:"asid,omitempty"`
	ODS         nhs.ODSCode  `json:"ods,omitempty"`
	Certificate string       `json:"certificate,omitempty"`
	Status      int          `json:"status"`
	Code        string       `json:"code"`
	EventType   string       `json:"eventType,omitempty"`
	MessageID   string       `json:"messageId,omitempty" jsonschema:"MessageHeader.id of a message that was refused, as far as it could be read"`
	Reason      string       `json:"reason" jsonschema:"the diagnostics of the answer, one issue a line"`
}

// RefusalFilter selects refusals. Fields that are zero do not filter.
type RefusalFilter struct {
	Since     time.Time `json:"since,omitzero"`
	ASID      nhs.ASID  `json:"asid,omitempty"`
	Code      string    `json:"code,omitempty" jsonschema:"a Spine code, such as INVALID_RESOURCE"`
	MessageID string    `json:"messageId,omitempty"`
}

// refusals lists the refusals that are kept, the newest first. No patient is shown:
// reasons never name one.
func (d Desk) refusals(ctx context.Context, s Search[RefusalFilter]) (none Page[Refusal], err error) {
	l, err := list[int64](d, "refusals", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	f := s.Filter
	rows, err := d.Store.Refusals(ctx, store.RefusedQuery{
		Before: l.after, Since: f.Since, ASID: f.ASID, Code: f.Code, MessageID: f.MessageID, Max: l.limit + 1,
	})
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(r store.Refused) int64 { return r.N })
	return shown(found, err, func(r store.Refused) (Refusal, error) {
		return Refusal{r.At, r.Action, r.ASID, r.ODS, r.Certificate, r.Status, r.Code, r.EventType, r.MessageID, r.Reason}, nil
	})
}

package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
)

// Filter selects audit entries. Fields that are zero do not filter.
type Filter struct {
	// From and To bound the moments of the entries: [From, To).
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	ASID nhs.ASID  `json:"asid,omitempty"`
	// Patient is an NHS number. It travels in bodies only, never in a URL.
	Patient string `json:"patient,omitempty"`
	// Action may be one that this version does not know.
	Action audit.Action `json:"action,omitempty"`
	// Outcome is a Spine code, or ok for successes, or refused for all others.
	Outcome string `json:"outcome,omitempty"`
	// Last is how many entries are returned at most: the last ones. 0: all.
	Last int `json:"last,omitempty"`
}

// maxLast limits Filter.Last: so many entries are held in memory at once.
const maxLast = 100_000

// Audit yields the entries that a filter selects, oldest first. That somebody
// looked is itself recorded.
func (d Desk) Audit(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		matches, err := f.compile()
		if err != nil {
			yield(Record{}, err)
			return
		}
		d.Store.Record(d.readEntry(f))
		selected := d.entries(ctx, f, matches)
		if f.Last > 0 {
			selected = last(selected, f.Last)
		}
		selected(yield)
	}
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
			return nil, invalid("patient: %s", err)
		}
	}
	if f.Last < 0 || f.Last > maxLast {
		return nil, invalid("last: expected 0 (all) to %d", maxLast)
	}
	return func(e audit.Entry) bool {
		return (f.From.IsZero() || !e.At.Before(f.From)) && (f.To.IsZero() || e.At.Before(f.To)) &&
			(f.ASID == "" || e.ASID == f.ASID) && (patient.IsZero() || e.Patient == patient) &&
			(f.Action == "" || e.Action == f.Action) && f.outcome(e)
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

// entries walks over the links that can hold what is looked for.
func (d Desk) entries(ctx context.Context, f Filter, matches func(audit.Entry) bool) iter.Seq2[Record, error] {
	from, to := f.From, f.To
	if !from.IsZero() {
		from = from.Add(-slack)
	}
	if !to.IsZero() {
		to = to.Add(slack)
	}
	return func(yield func(Record, error) bool) {
		for link, err := range d.Store.Links(ctx, from, to) {
			var entries []audit.Entry
			if err == nil {
				entries, err = link.Unpack()
			}
			if err != nil {
				yield(Record{}, unreadable(link, err))
				return
			}
			for _, e := range entries {
				if !matches(e) {
					continue
				}
				r := newRecord(e)
				r.Chain, r.Link = link.Chain, link.Seq
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// unreadable names the link whose entries make no sense.
func unreadable(l audit.Link, err error) error {
	if errors.Is(err, audit.ErrEncoding) {
		return fmt.Errorf("audit chain %d, link %d: %w; nems audit verify tells more", l.Chain, l.Seq, err)
	}
	return err
}

// last keeps the last n of what comes.
func last(all iter.Seq2[Record, error], n int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		var ring []Record
		next := 0
		for r, err := range all {
			if err != nil {
				yield(Record{}, err)
				return
			}
			if len(ring) < n {
				ring = append(ring, r)
				continue
			}
			ring[next] = r
			next = (next + 1) % n
		}
		for i := range ring {
			if !yield(ring[(next+i)%len(ring)], nil) {
				return
			}
		}
	}
}

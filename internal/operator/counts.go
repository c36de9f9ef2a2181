package operator

import (
	"context"
	"fmt"
	"time"

	"nems/internal/store"
)

// CountUnit is the span of time that one bar is about.
type CountUnit string

// The units.
const (
	PerMinute CountUnit = "minute"
	PerHour   CountUnit = "hour"
	PerDay    CountUnit = "day"
)

// countUnits are the units as the store has them, and how many bars there are where a
// request does not say from when.
var countUnits = map[CountUnit]struct {
	unit store.CountUnit
	bars int
}{
	PerMinute: {store.PerMinute, 60},
	PerHour:   {store.PerHour, 48},
	PerDay:    {store.PerDay, 31},
}

// MaxBars is how many bars one answer has at most.
const MaxBars = 1500

// Counting asks for counts of a span of time.
type Counting struct {
	From time.Time `json:"from,omitzero" jsonschema:"the first bar has this moment; by default the last 60 minutes, 48 hours or 31 days are counted"`
	To   time.Time `json:"to,omitzero" jsonschema:"no bar begins at or after this moment; by default now"`
	Per  CountUnit `json:"per,omitempty" jsonschema:"minute (the default; kept 7 days), hour (90 days) or day (3 years; days of UTC)"`
}

// Counts are the bars of a span of time, without gaps, the oldest first.
type Counts struct {
	Per  CountUnit `json:"per"`
	Bars []Count   `json:"bars"`
	// Behind: so much happens that the newest bars do not have it all yet.
	Behind bool `json:"behind,omitempty" jsonschema:"the newest bars do not have all yet"`
}

// Count is how much happened in a unit of time.
type Count struct {
	At        time.Time `json:"at" jsonschema:"its beginning"`
	Published int64     `json:"published" jsonschema:"events that were accepted"`
	Refused   int64     `json:"refused" jsonschema:"messages that were refused, as far as refusals are kept"`
	Matched   int64     `json:"matched" jsonschema:"events with a copy; one that waited for the patient directory counts when it was accepted"`
	Copies    int64     `json:"copies"`
	Collected int64     `json:"collected" jsonschema:"copies that a mailbox acknowledged or a remote MESH has taken"`
}

// counts counts what happened in each unit of a span of time.
func (d Desk) counts(ctx context.Context, q Counting) (out Counts, err error) {
	if q.Per == "" {
		q.Per = PerMinute
	}
	u, ok := countUnits[q.Per]
	if !ok {
		return out, expected("per", fmt.Sprintf("%s, %s or %s", PerMinute, PerHour, PerDay), string(q.Per))
	}
	if q.To.IsZero() {
		q.To = d.Now()
	}
	if q.From.IsZero() {
		q.From = u.unit.Start(q.To).Add(-time.Duration(u.bars-1) * u.unit.Span())
	}
	from := u.unit.Start(q.From)
	switch bars := q.To.Sub(from) / u.unit.Span(); {
	case !from.Before(q.To):
		return out, expected("from", "a moment before to", q.From.Format(time.RFC3339))
	case bars >= MaxBars:
		return out, expected("from", fmt.Sprintf("at most %d times a %s before to", MaxBars, q.Per), q.From.Format(time.RFC3339))
	}
	found, err := d.Store.Counts(ctx, u.unit, from, q.To)
	if err != nil {
		return out, err
	}
	out = Counts{Per: q.Per, Bars: []Count{}, Behind: found.Short}
	for at := from; at.Before(q.To); at = at.Add(u.unit.Span()) {
		c := Count{At: at}
		if len(found.Bars) > 0 && found.Bars[0].At.Equal(at) {
			b := found.Bars[0]
			c, found.Bars = Count{at, b.Published, b.Refused, b.Matched, b.Copies, b.Collected}, found.Bars[1:]
		}
		out.Bars = append(out.Bars, c)
	}
	return out, nil
}

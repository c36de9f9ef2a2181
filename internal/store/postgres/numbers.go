package postgres

import (
	"cmp"
	"slices"

	"github.com/jackc/pgx/v5"

	"nems/internal/store/portable"
)

// eventType is a row of the table event_type.
type eventType struct{ code, workflow string }

// number stands for the event type in rows.
func (t eventType) number() int32 { return portable.TypeNumber(t.code, t.workflow) }

// codeNumber stands for an event code in route.
func codeNumber(code string) int32 { return portable.CodeNumber(code) }

// listTypes makes sure that the types of events have their rows, in the order
// of their numbers: two nodes may do so at once. What this connection has
// committed before is there.
func (w *writer) listTypes(b *pgx.Batch, accepts []*accept) {
	for _, a := range accepts {
		if t := a.eventType(); !w.listed[t] && !slices.Contains(w.listing, t) {
			w.listing = append(w.listing, t)
		}
	}
	slices.SortFunc(w.listing, func(a, b eventType) int { return cmp.Compare(a.number(), b.number()) })
	for _, t := range w.listing {
		b.Queue("INSERT INTO event_type (id, code, workflow) VALUES ($1, $2, $3) ON CONFLICT (code, workflow) DO NOTHING", t.number(), t.code, t.workflow)
	}
}

// queueCodes makes sure that event codes have their rows.
func queueCodes(b *pgx.Batch, codes []string) {
	codes = slices.Clone(codes)
	slices.Sort(codes) // two nodes may do so at once
	for _, code := range slices.Compact(codes) {
		b.Queue("INSERT INTO event_code (id, code) VALUES ($1, $2) ON CONFLICT (code) DO NOTHING", codeNumber(code), code)
	}
}

package postgres

import (
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

// Names get their rows whichever node is first: whatever index of the table another
// node has just filled counts as a conflict, because a look at one of them alone leaves
// the others to refuse a row that came at the same moment. The second statement then
// finds each name under its number, or the table refuses it: two names have one hash.
const (
	insertTypes = `INSERT INTO event_type (id, code, workflow) SELECT * FROM unnest($1::int[], $2::text[], $3::text[]) AS k(id, code, workflow)`
	putTypes    = insertTypes + " ORDER BY k.id ON CONFLICT DO NOTHING"
	checkTypes  = insertTypes + " WHERE NOT EXISTS (SELECT FROM event_type t WHERE t.id = k.id AND t.code = k.code AND t.workflow = k.workflow)"

	insertCodes = `INSERT INTO event_code (id, code) SELECT * FROM unnest($1::int[], $2::text[]) AS k(id, code)`
	putCodes    = insertCodes + " ORDER BY k.code ON CONFLICT DO NOTHING"
	checkCodes  = insertCodes + " WHERE NOT EXISTS (SELECT FROM event_code c WHERE c.id = k.id AND c.code = k.code)"
)

// listTypes makes sure that the types of events have their rows, in the order
// of their numbers: two nodes may do so at once. What this connection has
// committed before is there.
func (w *writer) listTypes(b *pgx.Batch, accepts []*accept) {
	var ids []int32
	var codes, workflows []string
	for _, a := range accepts {
		if t := a.eventType(); !w.listed[t] && !slices.Contains(w.listing, t) {
			w.listing = append(w.listing, t)
			ids, codes, workflows = append(ids, t.number()), append(codes, t.code), append(workflows, t.workflow)
		}
	}
	if len(ids) > 0 {
		b.Queue(putTypes, ids, codes, workflows)
		b.Queue(checkTypes, ids, codes, workflows)
	}
}

// queueCodes makes sure that event codes have their rows, as listTypes does.
func queueCodes(b *pgx.Batch, codes []string) {
	codes = slices.Clone(codes)
	slices.Sort(codes)
	codes = slices.Compact(codes)
	ids := make([]int32, len(codes))
	for i, code := range codes {
		ids[i] = codeNumber(code)
	}
	b.Queue(putCodes, ids, codes)
	b.Queue(checkCodes, ids, codes)
}

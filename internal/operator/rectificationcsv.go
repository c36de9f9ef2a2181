package operator

import (
	"io"
	"iter"
	"strings"
)

// heldVersion is a holder with its trail: a line for spreadsheets.
type heldVersion struct {
	trail  *Rectification
	holder Holder
}

var rectificationColumns = []csvColumn[heldVersion]{
	{"event type", func(h *heldVersion) string { return h.trail.EventType }},
	{"correction", func(h *heldVersion) string { return csvNumber(h.trail.Correction) }},
	{"kind", func(h *heldVersion) string { return h.trail.Kind }},
	{"corrected at", func(h *heldVersion) string { return csvTime(h.trail.At) }},
	{"mailbox", func(h *heldVersion) string { return h.holder.Mailbox }},
	{"ods", func(h *heldVersion) string { return string(h.holder.ODS) }},
	{"organisation", func(h *heldVersion) string { return h.holder.Organisation }},
	{"systems", func(h *heldVersion) string { return joined(h.holder.Systems) }},
	{"subscriptions", func(h *heldVersion) string { return strings.Join(h.holder.Subscriptions, " ") }},
	{"earlier event", func(h *heldVersion) string { return csvNumber(h.holder.Event) }},
	{"delivered", func(h *heldVersion) string { return csvTime(h.holder.Delivered) }},
	{"state", func(h *heldVersion) string { return string(h.holder.State) }},
	{"collected", func(h *heldVersion) string { return csvTime(h.holder.Collected) }},
	{"told", func(h *heldVersion) string { return string(h.holder.Told) }},
	{"told by event", func(h *heldVersion) string { return csvNumber(h.holder.ToldEvent) }},
	{"told at", func(h *heldVersion) string { return csvTime(h.holder.ToldAt) }},
	{"somebody has to act", func(h *heldVersion) string { return csvYes(h.holder.Act) }},
	{"why", func(h *heldVersion) string { return h.holder.Why }},
	{"evidence", func(h *heldVersion) string { return h.holder.Evidence }},
}

func csvYes(yes bool) string {
	if yes {
		return "yes"
	}
	return ""
}

// joined lists codes with blanks between.
func joined[T ~string](codes []T) string {
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = string(c)
	}
	return strings.Join(texts, " ")
}

// WriteRectificationCSV writes trails for a spreadsheet, a line for each holder.
func WriteRectificationCSV(w io.Writer, all Rectifications) error {
	var lines iter.Seq2[heldVersion, error] = func(yield func(heldVersion, error) bool) {
		for i := range all.Trails {
			for _, h := range all.Trails[i].Holders {
				if !yield(heldVersion{&all.Trails[i], h}, nil) {
					return
				}
			}
		}
	}
	return writeCSV(w, rectificationColumns, lines)
}

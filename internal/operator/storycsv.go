package operator

import (
	"encoding/csv"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"nems/internal/plain"
)

// A csvColumn is one column of a table for spreadsheets.
type csvColumn[T any] struct {
	name string
	cell func(*T) string
}

var storyColumns = []csvColumn[StoryEntry]{
	{"at", func(e *StoryEntry) string { return csvTime(e.At) }},
	{"kind", func(e *StoryEntry) string { return string(e.Kind) }},
	{"what", func(e *StoryEntry) string { return e.Text }},
	{"who", func(e *StoryEntry) string { return e.Who }},
	{"reason", func(e *StoryEntry) string { return e.Reason }},
	{"patient", func(e *StoryEntry) string { return e.Patient }},
	{"event", func(e *StoryEntry) string { return csvNumber(e.Event) }},
	{"event type", func(e *StoryEntry) string { return e.EventType }},
	{"subscription", func(e *StoryEntry) string { return e.Subscription }},
	{"mailbox", func(e *StoryEntry) string { return e.Mailbox }},
	{"delivery", func(e *StoryEntry) string { return e.Delivery }},
	{"action", func(e *StoryEntry) string { return string(e.Action) }},
	{"certificate", func(e *StoryEntry) string { return e.Certificate }},
	{"asid", func(e *StoryEntry) string { return string(e.ASID) }},
	{"ods", func(e *StoryEntry) string { return string(e.ODS) }},
	{"user", func(e *StoryEntry) string { return e.User }},
	{"outcome", func(e *StoryEntry) string { return e.Outcome }},
	{"status", func(e *StoryEntry) string { return csvNumber(int64(e.Status)) }},
	{"count", func(e *StoryEntry) string { return csvNumber(int64(e.Count)) }},
	{"audit chain", func(e *StoryEntry) string { return csvNumber(e.Chain) }},
	{"audit link", func(e *StoryEntry) string { return csvNumber(e.Link) }},
}

var auditColumns = []csvColumn[Record]{
	{"at", func(r *Record) string { return csvTime(r.At) }},
	{"action", func(r *Record) string { return string(r.Action) }},
	{"status", func(r *Record) string { return csvNumber(int64(r.Status)) }},
	{"outcome", func(r *Record) string { return r.Outcome }},
	{"asid", func(r *Record) string { return string(r.ASID) }},
	{"ods", func(r *Record) string { return string(r.ODS) }},
	{"user", func(r *Record) string { return r.User }},
	{"certificate", func(r *Record) string { return r.Certificate }},
	{"reason", func(r *Record) string { return r.Reason }},
	{"interaction", func(r *Record) string { return r.Interaction }},
	{"event type", func(r *Record) string { return r.EventType }},
	{"patient", func(r *Record) string { return r.Patient }},
	{"mailbox", func(r *Record) string { return r.Mailbox }},
	{"object", func(r *Record) string { return r.Object }},
	{"count", func(r *Record) string { return csvNumber(int64(r.Count)) }},
	{"request", func(r *Record) string { return r.Request }},
	{"audit chain", func(r *Record) string { return csvNumber(r.Chain) }},
	{"audit link", func(r *Record) string { return csvNumber(r.Link) }},
}

// WriteStoryCSV writes a story for a spreadsheet, a line for each entry.
func WriteStoryCSV(w io.Writer, entries iter.Seq2[StoryEntry, error]) error {
	return writeCSV(w, storyColumns, entries)
}

// WriteAuditCSV writes entries of the audit for a spreadsheet, a line for each.
func WriteAuditCSV(w io.Writer, entries iter.Seq2[Record, error]) error {
	return writeCSV(w, auditColumns, entries)
}

func writeCSV[T any](w io.Writer, columns []csvColumn[T], all iter.Seq2[T, error]) error {
	out := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for item, err := range all {
		if err != nil {
			out.Flush()
			return err
		}
		for i, c := range columns {
			row[i] = csvCell(c.cell(&item))
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvCell is a text as a spreadsheet may read it: on one line, and never a formula.
// Programs take a cell for one that begins with one of these signs, in full width too,
// and some look behind blanks and quotes.
func csvCell(text string) string {
	text = plain.Line(text)
	if first := strings.TrimLeft(text, " '\"\u00a0\u3000"); first != "" && strings.ContainsAny(first[:firstRune(first)], "=+-@|%\uff1d\uff0b\uff0d\uff20") {
		return "'" + text
	}
	return text
}

// firstRune is how many bytes the first character of a text has.
func firstRune(text string) int {
	for i := range text {
		if i > 0 {
			return i
		}
	}
	return len(text)
}

func csvTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func csvNumber(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

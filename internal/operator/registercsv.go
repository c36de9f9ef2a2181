package operator

import (
	"io"
	"iter"
	"strconv"
	"strings"
)

var registerColumns = []csvColumn[RegisterEntry]{
	{"ods", func(e *RegisterEntry) string { return string(e.ODS) }},
	{"organisation", func(e *RegisterEntry) string { return e.Organisation }},
	{"role", func(e *RegisterEntry) string { return string(e.Role) }},
	{"event type", func(e *RegisterEntry) string { return e.EventType }},
	{"rule", func(e *RegisterEntry) string { return e.Rule }},
	{"subscriptions", func(e *RegisterEntry) string { return strconv.Itoa(e.Subscriptions) }},
	{"systems", func(e *RegisterEntry) string { return joined(e.Systems) }},
	{"mailboxes", func(e *RegisterEntry) string { return joined(e.Mailboxes) }},
	{"channels", func(e *RegisterEntry) string { return joined(e.Channels) }},
	{"oldest subscription", func(e *RegisterEntry) string { return csvTime(e.Oldest) }},
	{"purpose", func(e *RegisterEntry) string { return strings.Join(e.Purposes, "; ") }},
	{"legal basis", func(e *RegisterEntry) string { return strings.Join(e.Bases, "; ") }},
	{"decided", func(e *RegisterEntry) string { return strings.Join(e.Decided, "; ") }},
	{"review", func(e *RegisterEntry) string { return e.Review }},
	{"kept here", func(e *RegisterEntry) string { return e.Kept }},
	{"kept by the organisation", func(e *RegisterEntry) string { return e.Retention }},
	{"copies", func(e *RegisterEntry) string { return csvNumber(int64(e.Copies)) }},
	{"last copy", func(e *RegisterEntry) string { return csvTime(e.Last) }},
}

var reviewColumns = []csvColumn[Review]{
	{"what", func(r *Review) string { return r.What }},
	{"id", func(r *Review) string { return r.ID }},
	{"ods", func(r *Review) string { return string(r.ODS) }},
	{"asid", func(r *Review) string { return string(r.ASID) }},
	{"event types", func(r *Review) string { return joined(r.Event) }},
	{"rule", func(r *Review) string { return r.Rule }},
	{"since", func(r *Review) string { return csvTime(r.Since) }},
	{"why", func(r *Review) string { return r.Why }},
}

var recipientColumns = []csvColumn[Recipient]{
	{"ods", func(r *Recipient) string { return string(r.ODS) }},
	{"organisation", func(r *Recipient) string { return r.Organisation }},
	{"mailbox", func(r *Recipient) string { return r.Mailbox }},
	{"event type", func(r *Recipient) string { return r.EventType }},
	{"copies", func(r *Recipient) string { return strconv.Itoa(r.Copies) }},
	{"collected", func(r *Recipient) string { return strconv.Itoa(r.Collected) }},
	{"first", func(r *Recipient) string { return csvTime(r.First) }},
	{"last", func(r *Recipient) string { return csvTime(r.Last) }},
	{"rules", func(r *Recipient) string { return strings.Join(r.Rules, "; ") }},
	{"subscriptions", func(r *Recipient) string { return joined(r.Subscriptions) }},
	{"purpose", func(r *Recipient) string { return strings.Join(r.Purposes, "; ") }},
	{"legal basis", func(r *Recipient) string { return strings.Join(r.Bases, "; ") }},
	{"evidence", func(r *Recipient) string { return r.Evidence }},
}

// listedAll yields what is in memory.
func listedAll[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// WriteRegisterCSV writes a register for a spreadsheet.
func WriteRegisterCSV(w io.Writer, r Register) error {
	return writeCSV(w, registerColumns, listedAll(r.Entries))
}

// WriteReviewCSV writes what is to be reviewed for a spreadsheet.
func WriteReviewCSV(w io.Writer, all iter.Seq2[Review, error]) error {
	return writeCSV(w, reviewColumns, all)
}

// WriteRecipientsCSV writes who received what about a patient for a spreadsheet.
func WriteRecipientsCSV(w io.Writer, r Recipients) error {
	return writeCSV(w, recipientColumns, listedAll(r.Recipients))
}

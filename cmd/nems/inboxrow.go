package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"nems/internal/plain"
	"nems/receiver"
)

// inboxRow is what is shown of a message: nothing about its patient.
type inboxRow struct {
	ID            string                  `json:"id"`
	Outcome       string                  `json:"outcome"`
	Kind          string                  `json:"kind"`
	Workflow      string                  `json:"workflow"`
	From          string                  `json:"from"`
	LocalID       string                  `json:"localId,omitempty"`
	Replay        string                  `json:"replay,omitempty"`
	Bytes         int                     `json:"bytes"`
	Subscriptions []receiver.Subscription `json:"subscriptions,omitempty"`
	Event         string                  `json:"event,omitempty"`
	EventKind     string                  `json:"eventKind,omitempty"`
	MessageID     string                  `json:"messageId,omitempty"`
	Source        string                  `json:"source,omitempty"`
	LastUpdated   string                  `json:"lastUpdated,omitempty"`
	Version       int64                   `json:"version,omitempty"`
	Order         string                  `json:"order,omitempty"`
	Own           bool                    `json:"own,omitempty"`
	Attempt       int                     `json:"attempt,omitempty"`
	File          string                  `json:"file,omitempty"`
	Report        *receiver.Status        `json:"report,omitempty"`
	Problem       string                  `json:"problem,omitempty"`
	Error         string                  `json:"error,omitempty"`
}

func newInboxRow(m receiver.Message, o receiver.Outcome, err error, file string) inboxRow {
	row := inboxRow{
		ID: m.ID, Outcome: string(o), Kind: string(m.Kind), Workflow: m.WorkflowID, From: m.From, LocalID: m.LocalID, Replay: m.Replay,
		Bytes: len(m.Body), Subscriptions: m.Subscriptions, Event: m.Facts.Code, EventKind: m.Facts.Kind,
		MessageID: m.Facts.MessageID, Source: m.Facts.Source, Version: m.Facts.Point.Number,
		Order: string(m.Order), Own: m.Own, Attempt: m.Attempt, File: file,
	}
	if !m.Facts.Point.Time.IsZero() {
		row.LastUpdated = m.Facts.Point.Time.Format(time.RFC3339Nano)
	}
	if m.Kind == receiver.Report {
		row.Report = &m.Status
	}
	if m.Problem != nil {
		row.Problem = m.Problem.Error()
	}
	if err != nil {
		row.Error = err.Error()
	}
	return row
}

func (r inboxRow) subscriptions() string {
	var all []string
	for _, s := range r.Subscriptions {
		all = append(all, s.ID+"|"+s.Tag)
	}
	return strings.Join(all, "~~~")
}

// note returns the last column: what a person should look at.
func (r inboxRow) note() string {
	var notes []string
	if r.Own {
		notes = append(notes, "own")
	}
	if r.Replay != "" {
		notes = append(notes, "replay "+r.Replay)
	}
	if r.Report != nil {
		notes = append(notes, r.Report.Code+" "+r.Report.Description)
	}
	for _, s := range []string{r.Problem, r.Error} {
		if s != "" {
			notes = append(notes, strings.ReplaceAll(s, "\n", "; ")) // the lines of joined errors
		}
	}
	return strings.Join(notes, "; ")
}

// inboxWriter prints a row as soon as its message has been handled.
type inboxWriter struct {
	*inboxCmd
	w      io.Writer
	table  bool
	headed bool
}

const inboxTable = "%-28s %-8s %-26s %-7s %-10s %-16s %9s  %s\n"

// observe prints one message. An error in writing is only noted here, because a
// reader that went away is noticed at the next message too.
func (o *inboxWriter) observe(m receiver.Message, outcome receiver.Outcome, err error) {
	file := ""
	if outcome == receiver.Handled || outcome == receiver.Left && err == nil {
		file = o.file(m)
	}
	if e := o.print(newInboxRow(m, outcome, err, file)); e != nil {
		fmt.Fprintln(stderr(), "nems:", e)
	}
}

func (o *inboxWriter) print(r inboxRow) error {
	if o.Format == "json" {
		return encoder(o.w).Encode(r)
	}
	what := r.Event
	if what == "" {
		what = r.Kind
	}
	if !o.table {
		cells := []string{
			r.ID, r.Workflow, r.From, strconv.Itoa(r.Bytes) + " bytes", r.subscriptions(), r.File,
			r.Outcome, what, r.EventKind, r.Order, r.note(),
		}
		_, err := fmt.Fprintln(o.w, joined(cells))
		return err
	}
	if !o.headed {
		o.headed = true
		fmt.Fprintf(o.w, inboxTable, "MESSAGE", "OUTCOME", "EVENT", "KIND", "ORDER", "FROM", "BYTES", "NOTE")
	}
	note := strings.TrimSpace(r.subscriptions() + " " + r.File + " " + r.note())
	_, err := fmt.Fprintf(plain.Writer(o.w), inboxTable, plain.Line(r.ID), r.Outcome, plain.Line(what), plain.Line(r.EventKind),
		r.Order, plain.Line(r.From), strconv.Itoa(r.Bytes), plain.Line(note))
	return err
}

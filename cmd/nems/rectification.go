package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"nems/internal/operator"
	"nems/internal/plain"
)

// rectificationCmd tells who had what was corrected or withdrawn.
type rectificationCmd struct {
	Event  string  `arg:"" help:"The event that was corrected, or the correction: its number, MessageHeader.id, or the MESH message id or local id of a copy; - reads an NHS number from standard input, for all that was corrected about a patient."`
	Reason string  `default:"none given, on the command line" env:"-" help:"Why you look, in 1 to 200 characters. It is recorded with your name."`
	From   instant `env:"-" help:"Events that were accepted not before this moment: RFC 3339, a date, or how long ago (36h)."`
	To     instant `env:"-" help:"Events that were accepted before this moment, in the same forms."`
	Format string  `enum:"table,csv,json" default:"table" help:"table, csv (for spreadsheets), or json."`
	Output string  `type:"path" env:"-" help:"Write to this file, which only you may read, instead of standard output."`
	operated
}

// Run prints the trails.
func (c *rectificationCmd) Run(ctx context.Context) error {
	q := operator.RectificationQuestion{Event: c.Event, From: c.From.Time, To: c.To.Time, Reason: c.Reason}
	switch {
	case c.Event == "-":
		number, err := typedPatient()
		if err != nil {
			return err
		}
		q.Event, q.Patient = "", number
	case len(c.Event) < 13 && looksLikeNumber.MatchString(c.Event):
		return errors.New("refused: an NHS number is read from standard input only, and this one is in your shell's history now; write: nems record rectification -")
	}
	return c.with(func(d operator.Face) error {
		found, err := operator.TellRectification.Do(ctx, d, q)
		if err != nil {
			return err
		}
		if c.Output == "" {
			return c.write(os.Stdout, found)
		}
		return writeFile(c.Output, func(w io.Writer) error { return c.write(w, found) })
	})
}

func (c *rectificationCmd) write(w io.Writer, found operator.Rectifications) error {
	switch c.Format {
	case "csv":
		return operator.WriteRectificationCSV(w, found)
	case "json":
		return encoder(w).Encode(found)
	}
	for i := range found.Trails {
		if err := writeTrail(w, &found.Trails[i]); err != nil {
			return err
		}
	}
	if len(found.Trails) == 0 {
		fmt.Fprintln(w, "nothing was corrected or withdrawn, as far as is known")
	}
	if found.Removed > 0 {
		fmt.Fprintf(w, "%d events were removed by retention: nothing tells any more what they were about.\n", found.Removed)
	}
	if found.More {
		fmt.Fprintln(w, "Not all was looked at: ask again with --from and --to.")
	}
	return nil
}

// writeTrail writes one thing for people.
func writeTrail(w io.Writer, t *operator.Rectification) error {
	title := t.EventType + " was not corrected"
	if t.Correction != 0 {
		title = fmt.Sprintf("%s: event %d (%s) of %s", t.EventType, t.Correction, t.Kind, t.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	fmt.Fprintln(w, plain.Line(title))
	fmt.Fprintln(w, plain.Line(strings.TrimSpace(t.Relation+" "+t.Note)))
	var rows [][]string
	for _, v := range t.Versions {
		kind := v.Kind
		if v.Removed {
			kind = "removed"
		}
		rows = append(rows, []string{strconv.FormatInt(v.Event, 10), orDash(kind), v.Accepted.UTC().Format("2006-01-02 15:04:05"), orDash(string(v.Publisher)), orDash(v.MessageID)})
	}
	if err := writeTable(w, "VERSION KIND ACCEPTED PUBLISHER MESSAGE-ID", rows); err != nil {
		return err
	}
	rows = nil
	for _, h := range t.Holders {
		collected, act := "-", "-"
		if !h.Collected.IsZero() {
			collected = h.Collected.UTC().Format("2006-01-02 15:04:05")
		}
		if h.Act {
			act = "yes"
		}
		rows = append(rows, []string{h.Mailbox, orDash(string(h.ODS)), strconv.FormatInt(h.Event, 10), collected, orDash(string(h.Told)), act, orDash(h.Why)})
	}
	if err := writeTable(w, "HAD-IT ODS VERSION COLLECTED TOLD ACT WHY", rows); err != nil {
		return err
	}
	if t.Correction != 0 {
		fmt.Fprintf(w, "%d of %d who had it have to be told by a person.\n", t.ToAct, len(t.Holders))
	}
	fmt.Fprintln(w)
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"

	"nems/internal/operator"
	"nems/internal/plain"
)

// patientStory tells what happened about one patient.
type patientStory struct {
	Patient string  `arg:"" help:"- reads the NHS number from standard input, so that it appears neither in the shell's history nor in the list of processes."`
	Reason  string  `default:"none given, on the command line" env:"-" help:"Why you look, in 1 to 200 characters. It is recorded with your name."`
	From    instant `env:"-" help:"Not before this moment: RFC 3339, a date, or how long ago (36h)."`
	To      instant `env:"-" help:"Before this moment, in the same forms."`
	Format  string  `enum:"table,csv,json" default:"table" help:"table, csv (for spreadsheets), or json (one object a line)."`
	Output  string  `type:"path" env:"-" help:"Write to this file, which only you may read, instead of standard output."`
	operated
}

// looksLikeNumber matches what somebody may have given as an NHS number.
var looksLikeNumber = regexp.MustCompile(`^[0-9][0-9 -]{8,}[0-9]$`)

// Run prints the story, oldest first.
func (c *patientStory) Run(ctx context.Context) error {
	switch {
	case c.Patient == "-":
	case looksLikeNumber.MatchString(c.Patient):
		return errors.New("refused: an NHS number is read from standard input only, and this one is in your shell's history now; write: nems audit patient -")
	default:
		return errors.New("refused: expected - and the NHS number on standard input; write: nems audit patient -")
	}
	number, err := typedPatient()
	if err != nil {
		return err
	}
	q := operator.Matching(operator.StoryFilter{Patient: number, From: c.From.Time, To: c.To.Time, Reason: c.Reason})
	return c.with(func(d operator.Face) error {
		entries := operator.InOrder(operator.Each(ctx, d, operator.TellPatient, q))
		if c.Output == "" {
			return c.write(os.Stdout, entries)
		}
		return writeFile(c.Output, func(w io.Writer) error { return c.write(w, entries) })
	})
}

func (c *patientStory) write(w io.Writer, entries iter.Seq2[operator.StoryEntry, error]) error {
	switch c.Format {
	case "csv":
		return operator.WriteStoryCSV(w, entries)
	case "json":
		return writeLines(w, entries)
	}
	return writeStory(w, entries)
}

// writeStory writes the table for people.
func writeStory(w io.Writer, entries iter.Seq2[operator.StoryEntry, error]) error {
	var rows [][]string
	var after []string
	for e, err := range entries {
		switch {
		case err != nil:
			return err
		case e.Kind != operator.StoryNote:
			rows = append(rows, []string{e.At.UTC().Format("2006-01-02 15:04:05"), e.Text, orDash(e.Who), orDash(e.Reason)})
		case e.Patient != "":
			fmt.Fprintln(w, plain.Line(e.Text+" It is "+e.Patient+"."))
		case e.At.IsZero():
			fmt.Fprintln(w, plain.Line(e.Text))
		default:
			after = append(after, plain.Line(e.Text))
		}
	}
	err := writeTable(w, "WHEN WHAT WHO REASON", rows)
	for _, note := range after {
		fmt.Fprintln(w, note)
	}
	return err
}

// writeFile writes a file that only this user may read. What was there before stays
// until the new content is whole.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".nems-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err = errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err == nil {
		fmt.Fprintln(stderr(), "written to "+plain.Line(name))
	}
	return err
}

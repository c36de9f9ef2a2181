package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// recordCmd answers what information governance asks.
type recordCmd struct {
	Register      registerCmd      `cmd:"" help:"Write the register of processing: which organisation receives or publishes what, by which subscriptions, for which purpose and on which basis."`
	Organisation  organisationCmd  `cmd:"" help:"Write the register of one organisation, with how many copies it has had."`
	Review        reviewCmd        `cmd:"" help:"List what is due for review: subscriptions older than a year, and rows of the controller catalogue that need somebody."`
	Patient       recipientsCmd    `cmd:"" help:"Tell which organisations received which events about a patient, how often and why. That you look is recorded."`
	Rectification rectificationCmd `cmd:"" help:"Tell of an event that was corrected or withdrawn who had it, who has been told, and who has to be told by a person. That you look is recorded."`
}

// filed is how a record is written: for people, spreadsheets or programs.
type filed struct {
	Format string `enum:"table,csv,json" default:"table" help:"table, csv (for spreadsheets), or json."`
	Output string `type:"path" env:"-" help:"Write to this file, which only you may read, instead of standard output."`
}

// to writes to where it is to go.
func (f *filed) to(write func(w io.Writer) error) error {
	if f.Output == "" {
		return write(os.Stdout)
	}
	return writeFile(f.Output, write)
}

type registerCmd struct {
	operated
	filed
}

// Run writes the whole register.
func (c *registerCmd) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error { return writeRegister(ctx, d, "", &c.filed) })
}

type organisationCmd struct {
	ODS string `arg:"" name:"ods" help:"ODS code of the organisation."`
	operated
	filed
}

// Run writes what concerns one organisation.
func (c *organisationCmd) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error { return writeRegister(ctx, d, nhs.ODSCode(c.ODS), &c.filed) })
}

func writeRegister(ctx context.Context, d operator.Face, ods nhs.ODSCode, f *filed) error {
	whole, err := operator.WriteRegister.Do(ctx, d, operator.RegisterQuestion{ODS: ods})
	for err == nil && whole.Next != "" {
		var some operator.Register
		if some, err = operator.WriteRegister.Do(ctx, d, operator.RegisterQuestion{ODS: ods, After: whole.Next}); err == nil {
			whole.Add(some)
		}
	}
	if err != nil {
		return err
	}
	return f.to(func(w io.Writer) error {
		switch f.Format {
		case "csv":
			return operator.WriteRegisterCSV(w, whole)
		case "json":
			return encoder(w).Encode(whole)
		}
		var rows [][]string
		for _, e := range whole.Entries {
			copies := "-"
			if ods != "" {
				copies = strconv.Itoa(e.Copies)
			}
			if e.MoreCopies {
				copies += "+"
			}
			rows = append(rows, []string{string(e.ODS), string(e.Role), e.EventType, orDash(e.Rule), strconv.Itoa(e.Subscriptions), copies, orDash(strings.Join(e.Channels, " ")),
				orDash(strings.Join(e.Purposes, "; ")), orDash(strings.Join(e.Bases, "; ")), orDash(e.Review), orDash(e.Kept)})
		}
		return writeTable(w, "ODS ROLE EVENT-TYPE RULE SUBSCRIPTIONS COPIES CHANNELS PURPOSE BASIS REVIEW KEPT", rows)
	})
}

type reviewCmd struct {
	ODS   string `name:"ods" env:"-" help:"Of this organisation only."`
	Older int    `env:"-" default:"365" help:"Subscriptions that are older than this many days."`
	operated
	filed
}

// Run lists what is due.
func (c *reviewCmd) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		found := operator.Each(ctx, d, operator.ListReviews, operator.Matching(operator.ReviewFilter{ODS: nhs.ODSCode(c.ODS), Older: c.Older}))
		return c.to(func(w io.Writer) error {
			switch c.Format {
			case "csv":
				return operator.WriteReviewCSV(w, found)
			case "json":
				return writeLines(w, found)
			}
			var rows [][]string
			for r, err := range found {
				if err != nil {
					return err
				}
				since := "-"
				if !r.Since.IsZero() {
					since = r.Since.UTC().Format("2006-01-02")
				}
				rows = append(rows, []string{r.What, r.ID, string(r.ODS), strings.Join(r.Event, " "), orDash(r.Rule), since, r.Why})
			}
			return writeTable(w, "WHAT ID ODS EVENT-TYPES RULE SINCE WHY", rows)
		})
	})
}

type recipientsCmd struct {
	Patient string  `arg:"" help:"- reads the NHS number from standard input, so that it appears neither in the shell's history nor in the list of processes."`
	Reason  string  `default:"none given, on the command line" env:"-" help:"Why you look, in 1 to 200 characters. It is recorded with your name."`
	From    instant `env:"-" help:"Events that were accepted not before this moment: RFC 3339, a date, or how long ago (36h)."`
	To      instant `env:"-" help:"Events that were accepted before this moment, in the same forms."`
	operated
	filed
}

// Run tells who received what about a patient.
func (c *recipientsCmd) Run(ctx context.Context) error {
	if c.Patient != "-" {
		return errors.New("refused: an NHS number is read from standard input only; write: nems record patient -")
	}
	number, err := typedPatient()
	if err != nil {
		return err
	}
	return c.with(func(d operator.Face) error {
		found, err := operator.TellRecipients.Do(ctx, d, operator.RecipientsQuestion{Patient: number, From: c.From.Time, To: c.To.Time, Reason: c.Reason})
		if err != nil {
			return err
		}
		return c.to(func(w io.Writer) error { return c.write(w, found) })
	})
}

func (c *recipientsCmd) write(w io.Writer, found operator.Recipients) error {
	switch c.Format {
	case "csv":
		return operator.WriteRecipientsCSV(w, found)
	case "json":
		return encoder(w).Encode(found)
	}
	var rows [][]string
	for _, r := range found.Recipients {
		rows = append(rows, []string{orDash(string(r.ODS)), r.Mailbox, r.EventType, strconv.Itoa(r.Copies), strconv.Itoa(r.Collected), r.Last.UTC().Format("2006-01-02 15:04:05"),
			orDash(strings.Join(r.Rules, "; ")), orDash(strings.Join(r.Purposes, "; ")), orDash(strings.Join(r.Bases, "; ")), r.Evidence})
	}
	err := writeTable(w, "ODS MAILBOX EVENT-TYPE COPIES COLLECTED LAST RULES PURPOSE BASIS EVIDENCE", rows)
	if found.Removed > 0 {
		fmt.Fprintf(w, "%d events were removed by retention: of those only what the audit tells is counted.\n", found.Removed)
	}
	if found.More {
		fmt.Fprintln(w, "Not all was looked at: ask again with --from and --to.")
	}
	return err
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"nems/internal/nhs"
	"nems/internal/operator"
)

type listPatients struct {
	Family   string `env:"-" help:"Beginning of a family name, also of one that is no longer in use."`
	BornFrom string `env:"-" help:"Born not before this day: YYYY-MM-DD."`
	BornTo   string `env:"-" help:"Born not after this day."`
	Postcode string `env:"-" help:"Beginning of the postcode of an address."`
	Practice string `env:"-" help:"ODS code of the GP practice."`
	Limit    int    `default:"100" env:"-" help:"List at most this many; 0 lists all."`
	operated
	formatted
}

// Run prints the records; as JSON one per line.
func (l *listPatients) Run(ctx context.Context) error {
	f := operator.RecordFilter{Family: l.Family, BornFrom: l.BornFrom, BornTo: l.BornTo, Postcode: l.Postcode, Practice: nhs.ODSCode(l.Practice)}
	return l.with(func(d operator.Face) error {
		found := first(l.Limit, operator.Each(ctx, d, operator.FindRecords, operator.Matching(f)))
		if l.Format == "json" {
			return printLines(found)
		}
		var rows [][]string
		for r, err := range found {
			if err != nil {
				return err
			}
			rows = append(rows, recordRow(&r))
		}
		return printTable(recordHeader, rows)
	})
}

const recordHeader = "NHS-NUMBER VERSION UPDATED NAME BORN POSTCODE PRACTICE STATE"

func recordRow(r *operator.RecordRow) []string {
	var state []string
	for _, s := range []struct {
		is   bool
		text string
	}{
		{r.Death == "1", "died (informal)"}, {r.Death == "2", "died"}, {r.Sensitive, "sensitive"}, {r.Invalid, "invalid"},
		{r.SupersededBy != "", "superseded by " + r.SupersededBy},
	} {
		if s.is {
			state = append(state, s.text)
		}
	}
	updated := "never"
	if !r.Updated.IsZero() {
		updated = r.Updated.Local().Format(time.DateTime)
	}
	return []string{r.Patient, strconv.FormatInt(r.Version, 10), updated, r.Family + ", " + strings.Join(r.Given, " "), r.BirthDate, r.Postcode, string(r.Practice), strings.Join(state, ", ")}
}

type showPatient struct {
	patientNumber
	Reason string `default:"none given, on the command line" env:"-" help:"Why you look; it is recorded with your name."`
	operated
	formatted
}

// Run prints the record and its versions.
func (s *showPatient) Run(ctx context.Context) error {
	number, err := s.number()
	if err != nil {
		return err
	}
	return s.with(func(f operator.Face) error {
		r, err := operator.ReadRecord.Do(ctx, f, operator.RecordReading{Patient: number, Reason: s.Reason})
		if err != nil {
			return err
		}
		if s.Format == "json" {
			return printJSON(r)
		}
		if err := printTable(recordHeader, [][]string{recordRow(&r.Summary)}); err != nil {
			return err
		}
		for _, a := range r.Record.Addresses {
			fmt.Fprintf(stdout(), "%s address: %s\n", a.Use, strings.Join(append(nonEmpty(a.Lines), a.Postcode), ", "))
		}
		for _, t := range r.Record.Telecoms {
			fmt.Fprintf(stdout(), "%s %s: %s\n", t.Use, t.System, t.Value)
		}
		if len(r.Versions) == 0 {
			_, err := fmt.Fprintln(stdout(), "The record was never changed here: this is what the directory knows.")
			return err
		}
		fmt.Fprintln(stdout())
		if shown := int64(len(r.Versions)); shown < r.Summary.Version && r.Versions[shown-1].Version > 1 {
			fmt.Fprintf(stdout(), "The newest %d versions of %d:\n", shown, r.Summary.Version)
		}
		return printTable("VERSION UPDATED BY EVENTS", versionRows(r.Versions))
	})
}

func versionRows(versions []operator.RecordVersion) (rows [][]string) {
	for _, v := range versions {
		var events []string
		for _, e := range v.Events {
			text := e.EventType + " (" + strconv.FormatInt(e.Event, 10) + ")"
			if e.Withheld {
				text += " withheld"
			}
			events = append(events, text)
		}
		rows = append(rows, []string{strconv.FormatInt(v.Version, 10), v.Updated.Local().Format(time.DateTime), v.By, strings.Join(events, ", ")})
	}
	return rows
}

func nonEmpty(all []string) (out []string) {
	for _, s := range all {
		if strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	return out
}

// loadPatients loads records that somebody has made: a line of JSON for each.
type loadPatients struct {
	File string `arg:"" type:"existingfile" help:"File with one JSON object a line: {\"patient\": NUMBER, \"record\": {...}}, as nems patients show --format json has them."`
	operated
	formatted
}

// loadedAtOnce is how many records one request has.
const loadedAtOnce = 1000

// Run loads the records.
func (l *loadPatients) Run(ctx context.Context) error {
	text, err := os.ReadFile(l.File)
	if err != nil {
		return err
	}
	var all []operator.LoadedRecord
	for n, line := range bytes.Split(text, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r operator.LoadedRecord
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("%s:%d: expected a record as JSON: %w", l.File, n+1, err)
		}
		all = append(all, r)
	}
	return l.with(func(f operator.Face) error {
		total := operator.RecordsLoaded{}
		for begin := 0; begin < len(all); begin += loadedAtOnce {
			part := all[begin:min(begin+loadedAtOnce, len(all))]
			done, err := operator.LoadRecords.Do(ctx, f, operator.RecordsToLoad{Records: part})
			if err != nil {
				return fmt.Errorf("%w (%d of %d were loaded before)", err, begin, len(all))
			}
			total.Loaded, total.Known = total.Loaded+done.Loaded, total.Known+done.Known
		}
		return l.print(total, "LOADED KNOWN-ALREADY", [][]string{{strconv.Itoa(total.Loaded), strconv.Itoa(total.Known)}})
	})
}

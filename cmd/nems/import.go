package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nems/internal/datafolder"
	"nems/internal/directory"
	"nems/internal/node"
	"nems/internal/operator"
	"nems/internal/plain"
)

// importCmd fills the directory from a file.
type importCmd struct {
	Kind     string `arg:"" enum:"patients,organisations,postcodes" help:"patients, organisations or postcodes."`
	File     string `arg:"" help:"The file; - is standard input."`
	Data     string `default:"nems-data" type:"path" help:"Folder of the directory, as for nems serve."`
	Database string `help:"PostgreSQL database of the service, as for nems serve: its nodes share the directory. Default: the directory in the data folder."`
	Replace  bool   `help:"With --database: remove what the file does not have, instead of keeping it."`
	Strict   bool   `help:"Exit 1 when a line is wrong. Nothing is then imported from a file. From a pipe, which cannot be read twice, the other lines are imported, unless there is a --database."`
	Format   string `enum:"text,json" default:"text" help:"text for people, or json for one object."`
}

// Help lists the columns.
func (*importCmd) Help() string {
	return `Files are CSV, with a header in any order and case; other columns are ignored, and all except the first may be absent:

patients: nhs_number, superseded_by, family, given, birth_date, postcode, gp, sensitive, invalid

organisations: code, name, sub_icb, practice, setting, closed, status

postcodes: postcode, sub_icb, local_authority, country

Published files are read as they are: NHSPD with or without a header, ONSPD and NSPL; the reports of ODS Data Search and Export (epraccur and others), and the JSON of ODS's ORD interface. docs/imports.md has the names of their columns.

A wrong line is left out and reported with its number, the column, and what was expected there. The rest is imported.

With --database the rows count all at once, when the file was read to its end. An import that was broken off goes on where it ended when the same command is given again.`
}

// Run imports what can be read and reports every line that cannot, by number.
func (i *importCmd) Run(ctx context.Context) error {
	if err := i.whose(); err != nil {
		return err
	}
	in := os.Stdin
	if i.File != "-" {
		var err error
		if in, err = os.Open(i.File); err != nil {
			return err
		}
		defer in.Close()
	}
	size := int64(-1) // unknown for a pipe
	if info, err := in.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	shared := datafolder.IsPostgres(i.Database)
	if i.Strict && size >= 0 && !shared {
		summary, err := i.read(size, "checking", func(progress func(int64, int, int)) (directory.Summary, error) {
			return directory.Check(ctx, directory.Kind(i.Kind), in, progress)
		})
		if summary.Bad > 0 || err != nil {
			summary.Rows = 0
			return i.report(summary, err)
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	sink, err := datafolder.OpenImport(ctx, i.Data, i.Database, directory.Kind(i.Kind), i.Replace)
	if err != nil {
		return err
	}
	defer sink.Close()
	summary, err := i.read(size, "importing", func(progress func(int64, int, int)) (directory.Summary, error) {
		return directory.Import(ctx, directory.Kind(i.Kind), in, sink, progress)
	})
	if err == nil || !shared {
		err = i.finish(ctx, sink, &summary, err)
	} else {
		summary.Rows = 0
		err = fmt.Errorf("%w; the directory is as it was, and the same command goes on from here", err)
	}
	return i.report(summary, err)
}

// whose reads the URL of the database, and refuses to fill a file that the service of the
// data folder does not read.
func (i *importCmd) whose() (err error) {
	if i.Database, err = node.ReadSecret("database", i.Database); err != nil {
		return err
	}
	if err := datafolder.CheckURL(i.Database); err != nil {
		return err
	}
	if access, err := operator.ReadAccess(i.Data); err == nil && access.Shared && i.Database == "" {
		return fmt.Errorf("the service of %s keeps its directory in PostgreSQL, for all nodes: give --database", i.Data)
	}
	return nil
}

// finish makes the rows of a file count, unless a line is wrong and none may be.
func (i *importCmd) finish(ctx context.Context, sink datafolder.Import, s *directory.Summary, err error) error {
	if err != nil {
		return err
	}
	if kept := sink.Resumed(); kept > 0 {
		i.say(": %d rows were in the database already, from an import that was broken off", kept)
	}
	if i.Strict && s.Bad > 0 && datafolder.IsPostgres(i.Database) {
		s.Rows = 0
		return sink.Discard(ctx)
	}
	return sink.Finish(ctx, func(what string) { i.say(": %s", what) })
}

// read reads the file, and shows its progress.
func (i *importCmd) read(size int64, doing string, read func(progress func(int64, int, int)) (directory.Summary, error)) (directory.Summary, error) {
	progress, finish := importProgress(doing+" "+filepath.Base(i.File), size)
	if progress == nil && datafolder.IsPostgres(i.Database) {
		progress = i.lines(size)
	}
	defer finish()
	return read(progress)
}

// importProgress draws a bar on a terminal, and nothing in a pipe.
func importProgress(name string, size int64) (step func(read int64, rows, bad int), finish func()) {
	bar := newProgress(name, size)
	if bar == nil {
		return nil, func() {}
	}
	return func(read int64, _, _ int) { bar.set(read) }, bar.clear
}

// linesEvery is how often an import whose output goes to a file says how far it is.
const linesEvery = 10 * time.Second

// lines says so in lines: how many rows, how fast, and how long the rest will take.
func (i *importCmd) lines(size int64) func(read int64, rows, bad int) {
	begun, said := time.Now(), time.Now()
	return func(read int64, rows, bad int) {
		now := time.Now()
		if now.Sub(said) < linesEvery {
			return
		}
		said = now
		took := now.Sub(begun)
		rest := ""
		if size > 0 && read > 0 {
			left := time.Duration(float64(took) * float64(size-read) / float64(read))
			rest = fmt.Sprintf("; %d %%, %s left", 100*read/size, left.Round(time.Second))
		}
		i.say(": %d rows, %.0f a second%s; %d lines left out", rows, float64(rows)/took.Seconds(), rest, bad)
	}
}

// say prints a line about the file.
func (i *importCmd) say(format string, a ...any) {
	fmt.Fprintln(stderr(), plain.Line(i.File+fmt.Sprintf(format, a...)))
}

// importReport is the output of --format json. It is an interface that programs parse.
type importReport struct {
	File     string `json:"file"`
	Kind     string `json:"kind"`
	Imported int    `json:"imported"`
	Wrong    int    `json:"wrong"` // lines, all of them
	// Columns says which columns were found and where, counted from 1.
	Columns map[string]int `json:"columns,omitempty"`
	// Problems are the first thousand wrong lines.
	Problems []directory.Problem `json:"problems"`
	ONSCodes int                 `json:"onsCodes"`        // postcodes whose ICB sub-location is an ONS code
	Unplaced int                 `json:"unplaced"`        // cost centres without a commissioner
	Error    string              `json:"error,omitempty"` // why the file was not read to its end
}

// report says what was imported, and returns an error if the import failed.
func (i *importCmd) report(s directory.Summary, err error) error {
	wrong := i.Strict && s.Bad > 0
	if i.Format == "json" {
		r := importReport{File: i.File, Kind: i.Kind, Imported: s.Rows, Wrong: s.Bad, Columns: map[string]int{}, Problems: s.Problems, ONSCodes: s.ONSCodes, Unplaced: s.Unplaced}
		if err != nil {
			r.Error = err.Error()
		}
		for _, c := range s.Columns {
			if c.Position > 0 {
				r.Columns[c.Name] = c.Position
			}
		}
		if r.Problems == nil {
			r.Problems = []directory.Problem{}
		}
		if e := encoder(os.Stdout).Encode(r); e != nil || err == nil && !wrong {
			return e
		}
		return errFailed
	}
	i.remark(s)
	if err != nil {
		if datafolder.IsPostgres(i.Database) {
			return fmt.Errorf("%s: %w", i.File, err)
		}
		return fmt.Errorf("%s: %w (%d %s were imported before)", i.File, err, s.Rows, i.Kind)
	}
	fmt.Fprintf(stdout(), "%d %s imported, %d lines left out\n", s.Rows, i.Kind, s.Bad)
	if wrong {
		return errFailed
	}
	return nil
}

// remark tells people what is wrong with the file, and how it was understood.
func (i *importCmd) remark(s directory.Summary) {
	for _, p := range s.Problems {
		i.say(":%d: %s", p.Line, p)
	}
	if s.Bad > len(s.Problems) {
		i.say(": and %d more lines", s.Bad-len(s.Problems))
	}
	if len(s.Columns) > 0 && !s.Header {
		var found []string
		for _, c := range s.Columns {
			if c.Position > 0 {
				found = append(found, fmt.Sprintf("%s in column %d", c.Name, c.Position))
			}
		}
		i.say(": no header: %s", strings.Join(found, ", "))
	}
	if s.ONSCodes > 0 {
		i.say(": %d postcodes name their ICB sub-location by an ONS code, which no subscription uses; NHSPD has ODS codes", s.ONSCodes)
	}
	if s.Unplaced > 0 {
		i.say(": %d prescribing cost centres are listed without their commissioner: import epraccur, or the answer of ORD for each", s.Unplaced)
	}
}

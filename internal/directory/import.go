package directory

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Kind is a kind of directory file.
type Kind string

// The kinds of file that Import reads.
const (
	KindPatients      Kind = "patients"
	KindOrganisations Kind = "organisations"
	KindPostcodes     Kind = "postcodes"
)

// Limits of an import.
const (
	batchSize   = 1000
	maxProblems = 1000
)

// Problem is a wrong line of a file. It never holds the content of the line.
type Problem struct {
	Line     int    `json:"line"`             // from 1, the header included
	Column   string `json:"column,omitempty"` // named as in docs/imports.md; "" means the whole line
	Expected string `json:"expected"`
}

func (p Problem) String() string {
	if p.Column == "" {
		return "expected " + p.Expected
	}
	return p.Column + ": expected " + p.Expected
}

// Summary says what became of a file.
type Summary struct {
	Rows int // passed to the sink
	Bad  int // left out
	// Problems are the first thousand of the bad lines.
	Problems []Problem
	// Header says whether a CSV file began with a header. Columns says which of
	// its columns were found.
	Header  bool
	Columns []Column
	// ONSCodes counts the postcodes whose ICB sub-location is an ONS code
	// (E38...), as in ONSPD, instead of an ODS code. Subscriptions never name
	// ONS codes; NHSPD has the ODS codes.
	ONSCodes int
	// Unplaced counts prescribing cost centres for which neither the file nor
	// the directory has the commissioner (a list of ORD does not give it).
	// Events of their patients reach no ICB sub-location.
	Unplaced int
}

// Column says at which position a CSV file has a column.
type Column struct {
	Name     string
	Position int // from 1; 0 means that the file does not have it
}

// Import reads a file and passes its rows to the sink, a thousand at a time. A
// wrong line is left out and reported; the other lines are stored. Import
// returns an error when the file cannot be read at all (no known column, broken
// JSON, a failing reader), when the sink fails, and when ctx ends. The summary
// then says how far it came.
//
// After every batch progress is called with the number of bytes read and of
// rows stored and left out. It may be nil.
//
// docs/imports.md says which files are read and which names their columns may
// have. A CSV file without a header is read too, where it is published that
// way. Organisations may also be in the JSON of ODS's ORD interface.
//
// Areas that rows name are stored as organisations, if the sink can say that it
// does not have them.
func Import(ctx context.Context, kind Kind, r io.Reader, sink Sink, progress func(read int64, rows, bad int)) (Summary, error) {
	im := &importer{progress: progress, read: func() int64 { return 0 }}
	im.known, _ = sink.(Organisations)
	var err error
	switch kind {
	case KindPatients:
		err = store(ctx, im, tableRows(im, r, patientLayout, patientRow), sink.PutPatients)
	case KindOrganisations:
		err = store(ctx, im, im.organisations(ctx, r), sink.PutOrganisations)
	case KindPostcodes:
		err = store(ctx, im, tableRows(im, r, postcodeLayout, im.postcodeRow), sink.PutPostcodes)
	default:
		err = fmt.Errorf("directory: no import of %q: it is %s, %s or %s", kind, KindPatients, KindOrganisations, KindPostcodes)
	}
	if err == nil {
		err = im.putAreas(ctx, sink)
	}
	return im.Summary, err
}

// Check checks a file as Import does, but stores nothing.
func Check(ctx context.Context, kind Kind, r io.Reader, progress func(read int64, rows, bad int)) (Summary, error) {
	return Import(ctx, kind, r, nowhere{}, progress)
}

// nowhere is a sink that stores nothing.
type nowhere struct{}

func (nowhere) PutPatients(context.Context, []Patient) error           { return nil }
func (nowhere) PutOrganisations(context.Context, []Organisation) error { return nil }
func (nowhere) PutPostcodes(context.Context, []PostcodePlaces) error   { return nil }

// importer is the state of one import.
type importer struct {
	Summary
	areas    map[string]bool // ICB sub-locations and local authorities that rows named
	known    Organisations   // the organisations that the directory has; nil if the sink cannot say
	read     func() int64    // how many bytes of the file were read so far
	progress func(read int64, rows, bad int)
}

// bad records a line that is left out.
func (im *importer) bad(line int, wrong rowError) {
	im.Bad++
	if len(im.Problems) < maxProblems {
		im.Problems = append(im.Problems, Problem{line, wrong.column, wrong.expected})
	}
}

// stored counts a batch that the sink has stored.
func (im *importer) stored(n int) {
	im.Rows += n
	if im.progress != nil {
		im.progress(im.read(), im.Rows, im.Bad)
	}
}

// store passes all rows to put, in batches.
func store[T any](ctx context.Context, im *importer, rows iter.Seq2[T, error], put func(context.Context, []T) error) error {
	batch := make([]T, 0, batchSize)
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(batch) > 0 {
			if err := put(ctx, batch); err != nil {
				return fmt.Errorf("directory: storing rows: %w", err)
			}
		}
		im.stored(len(batch))
		batch = batch[:0]
		return nil
	}
	for entry, err := range rows {
		if err != nil {
			return err
		}
		if batch = append(batch, entry); len(batch) == batchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// tableRows yields the valid rows of a CSV file and reports the others. It ends
// with an error when the file cannot be read at all.
func tableRows[T any](im *importer, r io.Reader, l layout, parse func(row) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		t, err := openTable(r, l, im.bad)
		if err != nil {
			yield(none, err)
			return
		}
		im.read, im.Header, im.Columns = t.read, t.header, t.found()
		for {
			entry, err := nextRow(im, t, parse)
			if errors.Is(err, io.EOF) || !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

// nextRow returns the next valid row, or io.EOF. It reports the rows that it
// skips.
func nextRow[T any](im *importer, t *table, parse func(row) (T, error)) (T, error) {
	for {
		r, line, err := t.next()
		var entry T
		if err == nil {
			if entry, err = parse(r); err == nil {
				return entry, nil
			}
		}
		var syntax *csv.ParseError
		var wrong rowError
		switch {
		case errors.As(err, &syntax):
			im.bad(syntax.StartLine, rowError{expected: "no quote in the middle of a field"})
		case errors.As(err, &wrong):
			im.bad(line, wrong)
		default:
			return entry, err
		}
	}
}

// organisations yields the rows of a file of organisations, CSV or JSON.
func (im *importer) organisations(ctx context.Context, r io.Reader) iter.Seq2[Organisation, error] {
	src := bufio.NewReader(r)
	if isJSON(src) {
		return im.ordRows(ctx, src)
	}
	return tableRows(im, src, organisationLayout, im.organisationRow)
}

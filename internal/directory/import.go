package directory

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
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

// Problem is a line of a file that could not be read. Reason never holds the
// content of the line.
type Problem struct {
	Line   int // from 1, the header included
	Reason string
}

// Summary tells what became of a file.
type Summary struct {
	Rows int // handed to the sink
	Bad  int // left out
	// Problems are the first thousand of the bad lines.
	Problems []Problem
	// ONSCodes counts the postcodes whose ICB sub-location is an ONS code
	// (E38...), as ONSPD has it, instead of an ODS code. No subscription names
	// those; NHSPD has the ODS codes.
	ONSCodes int
}

// Import reads a CSV file and hands its rows to the sink, a thousand at a time.
// A line that cannot be read is left out and reported; the rest goes in. It
// returns an error when the file cannot be read at all (no header that it
// knows, a failing reader), when the sink fails, and when ctx ends; the
// summary says how far it came.
//
// progress, which may be nil, is told after every batch how many bytes were
// read and how many rows were stored and left out.
//
// Files have a header, in any order and case; columns beyond these are ignored
// and all but the first may be absent:
//
//	patients       nhs_number, superseded_by, family, given, birth_date, postcode, gp, sensitive, invalid
//	organisations  code, name, sub_icb, practice, closed
//	postcodes      postcode, sub_icb, local_authority, country
//
// Published names are taken too: those of ODS's epraccur and those of NHSPD and
// ONSPD (pcds; ccg, sicbl, sicbl24cd; oslaua, lad25cd; ctry, ctry25cd). Both
// epraccur and NHSPD are also read without a header, as they are published.
//
// The areas that rows name become organisations, where the sink can say that it
// does not have them.
func Import(ctx context.Context, kind Kind, r io.Reader, sink Sink, progress func(read int64, rows, bad int)) (Summary, error) {
	im := &importer{progress: progress}
	im.src = newLines(r, im.bad)
	var err error
	switch kind {
	case KindPatients:
		err = rows(ctx, im, patientLayout, patientRow, sink.PutPatients)
	case KindOrganisations:
		err = rows(ctx, im, organisationLayout, im.organisationRow, sink.PutOrganisations)
	case KindPostcodes:
		err = rows(ctx, im, postcodeLayout, im.postcodeRow, sink.PutPostcodes)
	default:
		err = fmt.Errorf("directory: no import of %q: it is %s, %s or %s", kind, KindPatients, KindOrganisations, KindPostcodes)
	}
	if err == nil {
		err = im.putAreas(ctx, sink)
	}
	return im.Summary, err
}

// importer is the state of one import.
type importer struct {
	Summary
	areas    map[string]bool // ICB sub-locations and local authorities that rows named
	src      *lines
	progress func(read int64, rows, bad int)
}

// bad leaves a line out.
func (im *importer) bad(line int, reason string) {
	im.Bad++
	if len(im.Problems) < maxProblems {
		im.Problems = append(im.Problems, Problem{line, reason})
	}
}

// stored counts a batch that the sink has.
func (im *importer) stored(n int) {
	im.Rows += n
	if im.progress != nil {
		im.progress(im.src.read, im.Rows, im.Bad)
	}
}

// rows reads all rows with parse and hands them to put in batches.
func rows[T any](ctx context.Context, im *importer, l layout, parse func(row) (T, error), put func(context.Context, []T) error) error {
	t, err := openTable(im.src, l)
	if err != nil {
		return err
	}
	batch := make([]T, 0, batchSize)
	for {
		entry, err := nextRow(im, t, parse)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if !ended {
			batch = append(batch, entry)
		}
		if !ended && len(batch) < batchSize {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(batch) > 0 {
			if err := put(ctx, batch); err != nil {
				return fmt.Errorf("directory: storing the rows up to line %d: %w", im.src.number, err)
			}
		}
		im.stored(len(batch))
		batch = batch[:0]
		if ended {
			return nil
		}
	}
}

// nextRow returns the next row that can be read, or io.EOF; what it skips on
// the way is reported.
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
			im.bad(syntax.StartLine, "a quote stands where none can")
		case errors.As(err, &wrong):
			im.bad(line, wrong.Error())
		default:
			return entry, err
		}
	}
}

package directory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// layout says what the columns of one kind of file are called.
type layout struct {
	// columns are recognised by their names. A file must have the first one.
	columns []column
	// headless finds the columns of a file without a header, from its first row
	// and those that follow. It returns nil if the rows are not those of such a
	// file. A nil headless means that no file is published without a header.
	headless func(columns []column, first []string, rest *csv.Reader) []int
}

// column is a column of a layout.
type column struct {
	// names lists the names that the column has in headers, compared without
	// case and punctuation. The first name is ours.
	names []string
	// looks reports whether a field could be this column's, for files without a
	// header. rows selects the rows that have the column; nil means all.
	looks func(field string) bool
	rows  func(fields []string) bool
}

// yearly is how ONS names columns: the kind of area, the year, "cd", and an "h"
// where the codes are those of the ODS (lad25cd, sicbl24cdh).
var yearly = regexp.MustCompile(`^([a-z]{3,})(?:[0-9]{2})?cd(h?)$`)

func columnName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
	return yearly.ReplaceAllString(s, "$1$2")
}

// table reads the rows of a file by columns.
type table struct {
	layout
	src       *lines
	csv       *csv.Reader
	header    bool
	positions []int // of each column of the layout, -1 where the file has none
	width     int
}

// row is one row. It is valid until the next one is read.
type row struct {
	*table
	fields []string
}

// has reports whether the file has the column.
func (r row) has(column int) bool { return r.positions[column] >= 0 }

// get returns a column's field without surrounding blanks, "" when there is none.
func (r row) get(column int) string {
	if i := r.positions[column]; i >= 0 {
		return strings.TrimSpace(r.fields[i])
	}
	return ""
}

// maxHead is how many bytes of a file without a header are read to find its
// columns. NHSPD begins with some 17,000 postcodes of Aberdeen (five MiB), none
// of which lies in an ICB sub-location.
const maxHead = 16 << 20

// openTable finds the columns of a file: by its header, or if it has none by
// its first rows. It calls problem for lines that cannot be read.
func openTable(r io.Reader, l layout, problem func(int, rowError)) (*table, error) {
	var head bytes.Buffer
	probe := newCSV(newLines(io.LimitReader(io.TeeReader(r, &head), maxHead), func(int, rowError) {}))
	first, err := probe.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("directory: the file is empty")
		}
		return nil, fmt.Errorf("directory: reading the header: %w", err)
	}
	t := &table{layout: l, width: len(first), positions: positions(first, l.columns)}
	t.header = t.positions[0] >= 0
	if !t.header && l.headless != nil {
		t.positions = l.headless(l.columns, first, probe)
	}
	if t.positions == nil || t.positions[0] < 0 {
		return nil, fmt.Errorf("directory: no header with a column %s, and no file that is read without one", strings.Join(l.columns[0].names, " or "))
	}
	t.src = newLines(io.MultiReader(&head, r), problem)
	t.csv = newCSV(t.src)
	if t.header {
		_, err = t.csv.Read()
	}
	return t, err
}

func newCSV(src *lines) *csv.Reader {
	r := csv.NewReader(src)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	return r
}

// positions finds columns by their names in a header.
func positions(header []string, columns []column) []int {
	at := map[string]int{}
	for i, name := range header {
		name = columnName(name)
		if _, found := at[name]; !found {
			at[name] = i
		}
	}
	out := make([]int, len(columns))
	for c, column := range columns {
		out[c] = -1
		for _, name := range column.names {
			if i, found := at[columnName(name)]; found {
				out[c] = i
				break
			}
		}
	}
	return out
}

// found lists the position of each column of the layout.
func (t *table) found() []Column {
	out := make([]Column, len(t.layout.columns))
	for i, c := range t.layout.columns {
		out[i] = Column{Name: c.names[0], Position: t.positions[i] + 1}
	}
	return out
}

// read returns how many bytes of the file were read.
func (t *table) read() int64 { return t.src.read }

// next returns the next row and its line number. An error in a single row is a
// *csv.ParseError or a rowError; io.EOF ends the file.
func (t *table) next() (row, int, error) {
	fields, err := t.csv.Read()
	if err != nil {
		return row{}, 0, err
	}
	line, _ := t.csv.FieldPos(0)
	if len(fields) != t.width {
		return row{}, line, rowError{expected: fmt.Sprintf("%d fields, not %d", t.width, len(fields))}
	}
	return row{t, fields}, line, nil
}

// rowError says what is wrong with a row, never what it contains.
type rowError struct{ column, expected string }

func (e rowError) Error() string { return e.column + ": expected " + e.expected }

package directory

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// layout says what the columns of a kind of file are called.
type layout struct {
	// columns lists the names of each column, the preferred one first, in small
	// letters and without anything but letters and digits. The first column is
	// the one that a file must have.
	columns [][]string
	// headless is the form in which such a file is published without a header.
	headless headless
}

// headless describes a file without a header.
type headless struct {
	fields    int               // in each row; 0: there is no such file
	positions []int             // of the layout's columns, -1 where there is none
	begins    func(string) bool // what the first field of a row looks like
}

// yearly is how ONS names columns: the kind of area, the year, "cd".
var yearly = regexp.MustCompile(`^([a-z]+)[0-9]{2}cd$`)

func columnName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
	return yearly.ReplaceAllString(s, "$1")
}

// table reads the rows of a file by the names of its columns.
type table struct {
	csv       *csv.Reader
	positions []int // of each column of the layout, -1 where the file has none
	width     int
	first     []string // a row that was read in search of a header
}

// row is one row. It is valid until the next one is read.
type row struct {
	*table
	fields []string
}

// has reports whether the file has the column.
func (r row) has(column int) bool { return r.positions[column] >= 0 }

// get returns a column's field without blanks around it, "" when there is none.
func (r row) get(column int) string {
	if i := r.positions[column]; i >= 0 {
		return strings.TrimSpace(r.fields[i])
	}
	return ""
}

// openTable reads the header, if there is one.
func openTable(r io.Reader, l layout) (*table, error) {
	t := &table{csv: csv.NewReader(r)}
	t.csv.FieldsPerRecord = -1
	t.csv.ReuseRecord = true
	header, err := t.csv.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("directory: the file is empty: it needs a header")
		}
		return nil, fmt.Errorf("directory: reading the header: %w", err)
	}
	t.width = len(header)
	t.positions = positions(header, l.columns)
	if t.positions[0] >= 0 {
		return t, nil
	}
	if l.headless.fields == t.width && l.headless.begins(strings.TrimSpace(header[0])) {
		t.positions, t.first = l.headless.positions, header
		return t, nil
	}
	return nil, fmt.Errorf("directory: the header has no column %s", strings.Join(l.columns[0], " or "))
}

func positions(header []string, columns [][]string) []int {
	at := map[string]int{}
	for i, name := range header {
		name = columnName(name)
		if _, found := at[name]; !found {
			at[name] = i
		}
	}
	out := make([]int, len(columns))
	for c, names := range columns {
		out[c] = -1
		for _, name := range names {
			if i, found := at[name]; found {
				out[c] = i
				break
			}
		}
	}
	return out
}

// next returns the next row and its line. Errors of a single row are a
// *csv.ParseError or a rowError; io.EOF ends the file.
func (t *table) next() (row, int, error) {
	fields, err := t.first, error(nil)
	if t.first = nil; fields == nil {
		if fields, err = t.csv.Read(); err != nil {
			return row{}, 0, err
		}
	}
	line, _ := t.csv.FieldPos(0)
	if len(fields) != t.width {
		return row{}, line, rowError(fmt.Sprintf("%d fields instead of %d", len(fields), t.width))
	}
	return row{t, fields}, line, nil
}

// rowError says what is wrong with a row, never what it contains.
type rowError string

func (e rowError) Error() string { return string(e) }

package directory

import (
	"encoding/csv"
	"errors"
)

// enough is how many matching fields decide where a column is.
const enough = 1000

// recognise finds columns by their content: a column is at the leftmost
// position at which the most fields look like it. It returns nil when the first
// column is not at the first position.
func recognise(columns []column, first []string, rest *csv.Reader) []int {
	votes := make([][]int, len(columns))
	for i := range votes {
		votes[i] = make([]int, len(first))
	}
	rows, width := 0, len(first)
	for fields := first; ; {
		if len(fields) == width {
			rows++
			count(votes, columns, fields)
		}
		var err error
		var syntax *csv.ParseError
		fields, err = rest.Read()
		if errors.As(err, &syntax) {
			fields = nil // it is reported later, when the rows are read
		} else if err != nil || settled(votes) {
			break
		}
	}
	out := make([]int, len(columns))
	for c := range out {
		out[c] = leader(votes[c])
	}
	if out[0] != 0 || 2*votes[0][0] <= rows {
		return nil
	}
	return out
}

// count counts which fields of a row look like which column.
func count(votes [][]int, columns []column, fields []string) {
	for c := range columns {
		if columns[c].rows != nil && !columns[c].rows(fields) {
			continue
		}
		for i, field := range fields {
			if columns[c].looks(field) {
				votes[c][i]++
			}
		}
	}
}

// leader returns the leftmost position with the most votes, -1 when there are none.
func leader(votes []int) int {
	best := -1
	for i, n := range votes {
		if n > 0 && (best < 0 || n > votes[best]) {
			best = i
		}
	}
	return best
}

// settled reports whether every column has enough votes.
func settled(votes [][]int) bool {
	for _, v := range votes {
		if i := leader(v); i < 0 || v[i] < enough {
			return false
		}
	}
	return true
}

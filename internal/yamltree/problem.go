package yamltree

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a file.
type Problem struct {
	File     string `json:"file"`
	Line     int    `json:"line"`   // from 1
	Column   int    `json:"column"` // from 1
	What     string `json:"what"`
	Expected string `json:"expected,omitempty"`
	Received string `json:"received,omitempty"`
}

// Error is one line: file:line:column: what is wrong; expected; received.
func (p Problem) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.What)
	if p.Expected != "" {
		text += "; expected " + p.Expected
	}
	if p.Received != "" {
		text += "; received " + p.Received
	}
	return text
}

// Problems are all mistakes in a file, in the order of their places.
type Problems []Problem

// Error has one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// maxProblems limits what one file can report.
const maxProblems = 1000

// sorted returns the problems in the order of their places, each once.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(p)
}

// Quote shows a text of a file in a message: in quotes and not too long.
func Quote(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// Nearest returns the candidate that a mistyped word was probably meant to be; ""
// if none is near.
func Nearest(word string, candidates []string) string {
	best, nearest := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < nearest {
			best, nearest = c, d
		}
	}
	return best
}

// distance counts the letters to add, remove, replace or swap between two words.
func distance(a, b string) int {
	const longest = 64 // of a word that somebody mistyped
	if len(a) > longest || len(b) > longest {
		return longest
	}
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := above
		above, row = row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

package requirements

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// WriteCSV writes requirements for spreadsheets, with a line of titles.
func WriteCSV(w io.Writer, all []Requirement) error {
	lines := [][]string{{"id", "page", "at", "actor", "level", "verdict", "says", "shown by", "decisions", "remark"}}
	for _, r := range all {
		lines = append(lines, []string{r.ID, r.Page, r.At, string(r.Actor), string(r.Level), string(r.Verdict()), r.Says,
			strings.Join(r.Tests, "; "), r.decided(), r.remark()})
	}
	out := csv.NewWriter(w)
	return out.WriteAll(lines)
}

func (r *Requirement) decided() string { return strings.Trim(fmt.Sprint(r.Decisions), "[]") }

// remark is all that is said besides what is demanded.
func (r *Requirement) remark() string {
	var out []string
	for _, text := range []string{r.Deviates, r.Why, r.Open, r.Contradicts, r.Note} {
		if text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}

package controllers

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"nems/internal/nhs"
	"nems/internal/yamltree"
)

// The columns of a CSV. Lists have their entries separated by blanks; evidence is
// kind=last day, with (reference) behind it where there is one, separated by
// semicolons.
var columns = []string{"organisation", "role", "setting", "event", "status", "purpose", "basis.code", "basis.ref", "decided.by", "decided.on", "decided.review",
	"scope.rules", "scope.codes", "grants", "evidence", "retention", "contact", "notes"}

// ReadCSV reads rows from CSV whose first line names its columns, in any order.
// All mistakes come with their lines.
func ReadCSV(file string, from io.Reader, known func(code string) bool) ([]Row, error) {
	in := csv.NewReader(from)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the first line must name the columns (%s): %w", file, strings.Join(columns, ", "), err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // as spreadsheets write it
	for _, name := range head {
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("%s:1: there is no column %s: expected %s", file, yamltree.Quote(name), yamltree.Choice(columns, name))
		}
	}
	var rows []Row
	var problems yamltree.Problems
	seen := map[string]bool{}
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		row, wrong := rowOf(head, fields)
		wrong = append(wrong, row.Validate(known)...)
		if seen[row.ID()] {
			wrong = append(wrong, Problem{"row", "one row for each organisation, event, role and setting", row.ID()})
		}
		seen[row.ID()] = true
		for _, p := range wrong {
			problems = append(problems, yamltree.Problem{File: file, Line: line, Column: 1, What: "the " + p.Member + " of a row", Expected: p.Expected, Received: p.Received})
		}
		rows = append(rows, row)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return rows, nil
}

// rowOf makes a row of the fields of a line.
func rowOf(head, fields []string) (r Row, wrong []Problem) {
	of := map[string]string{}
	for i, name := range head {
		of[name] = strings.TrimSpace(unquoted(fields[i]))
	}
	day := func(member, written string) (d Date) {
		if err := d.UnmarshalText([]byte(written)); err != nil {
			wrong = append(wrong, Problem{member, "a day, such as 2026-11-28", written})
		}
		return d
	}
	r = Row{
		Organisation: nhs.ODSCode(of["organisation"]), Role: Role(of["role"]), Setting: of["setting"], Event: of["event"], Status: Status(of["status"]),
		Purpose: of["purpose"], Basis: Basis{of["basis.code"], of["basis.ref"]},
		Decided: Decided{of["decided.by"], day("decided.on", of["decided.on"]), day("decided.review", of["decided.review"])},
		Scope:   Scope{strings.Fields(of["scope.rules"]), strings.Fields(of["scope.codes"])}, Grants: strings.Fields(of["grants"]),
		Retention: of["retention"], Contact: of["contact"], Notes: of["notes"],
	}
	for piece := range strings.SplitSeq(of["evidence"], ";") {
		if piece = strings.TrimSpace(piece); piece == "" {
			continue
		}
		kind, rest, _ := strings.Cut(piece, "=")
		expires, reference, _ := strings.Cut(rest, "(")
		e := Evidence{Kind: strings.TrimSpace(kind), Reference: strings.TrimSuffix(reference, ")")}
		expires, given, _ := strings.Cut(expires, "given ")
		e.Expires, e.Given = day("evidence."+e.Kind, strings.TrimSpace(expires)), day("evidence."+e.Kind, strings.TrimSpace(given))
		r.Evidence = append(r.Evidence, e)
	}
	return r, wrong
}

// WriteCSV writes rows as ReadCSV reads them.
func WriteCSV(to io.Writer, rows []Row) error {
	out := csv.NewWriter(to)
	_ = out.Write(columns) // an error stays, for Error below
	for _, r := range rows {
		var evidence []string
		for _, e := range r.Evidence {
			text := e.Kind + "=" + e.Expires.String()
			if !e.Given.IsZero() {
				text += " given " + e.Given.String()
			}
			if e.Reference != "" {
				text += " (" + e.Reference + ")"
			}
			evidence = append(evidence, text)
		}
		fields := []string{string(r.Organisation), string(r.Role), r.Setting, r.Event, string(r.Status), r.Purpose, r.Basis.Code, r.Basis.Reference,
			r.Decided.By, r.Decided.On.String(), r.Decided.Review.String(), strings.Join(r.Scope.Rules, " "), strings.Join(r.Scope.Codes, " "),
			strings.Join(r.Grants, " "), strings.Join(evidence, "; "), r.Retention, r.Contact, r.Notes}
		for i := range fields {
			fields[i] = quoted(fields[i])
		}
		_ = out.Write(fields)
	}
	out.Flush()
	return out.Error()
}

// formulas are the characters with which a cell begins that spreadsheets take for
// a formula. (* is none: a scope may be that alone.)
const formulas = "=+-@"

// quoted puts an apostrophe before what a spreadsheet would compute.
func quoted(field string) string {
	if field != "" && strings.ContainsAny(field[:1], formulas) {
		return "'" + field
	}
	return field
}

func unquoted(field string) string {
	if len(field) > 1 && field[0] == '\'' && strings.ContainsAny(field[1:2], formulas) {
		return field[1:]
	}
	return field
}

func splitMember(member string) []string { return strings.Split(member, ".") }

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"nems/internal/catalogue"
	"nems/internal/fhir"
	"nems/internal/plain"
)

// validateCmd checks event messages without publishing them.
type validateCmd struct {
	Files      []string `arg:"" name:"file" help:"Event messages (XML), folders of them, or - for standard input."`
	Level      string   `enum:"schema,standard,strict" default:"standard" help:"schema (STU3 only), standard (what publishing enforces) or strict (every row of the event's page)."`
	Format     string   `enum:"text,json" default:"text" help:"text for people, or json for one object per line."`
	EventTypes string   `name:"event-types" type:"path" help:"Folder with files of additional event types."`
}

// verdict is the result for one file. Its JSON is an interface: users parse it.
type verdict struct {
	File   string         `json:"file"`
	Valid  bool           `json:"valid"`
	Issues []verdictIssue `json:"issues"`
}

// verdictIssue is one finding.
type verdictIssue struct {
	Severity   string `json:"severity"`
	Code       string `json:"code"`     // FHIR issue type
	Location   string `json:"location"` // XPath
	Text       string `json:"text"`
	Rule       string `json:"rule"`
	Expression string `json:"expression,omitempty"` // FHIRPath
	Source     string `json:"source,omitempty"`     // page or schema that states the rule
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
}

// Run checks every file and fails when one is not valid.
func (v *validateCmd) Run() error {
	types, err := catalogue.Load(v.EventTypes)
	if err != nil {
		return err
	}
	files, err := expand(v.Files)
	if err != nil {
		return err
	}
	report := reportText
	if v.Format == "json" {
		report = reportJSON
	}
	bar := fileProgress(len(files))
	invalid := 0
	for i, file := range files {
		raw, err := readFile(file)
		if err != nil {
			return err
		}
		result := judge(types, file, raw, catalogue.Level(v.Level))
		if !result.Valid {
			invalid++
		}
		if err := report(os.Stdout, result); err != nil {
			return err
		}
		bar.set(int64(i + 1))
	}
	bar.clear()
	if v.Format == "text" && len(files) > 1 {
		fmt.Fprintf(stdout(), "%d of %d files are valid at level %s\n", len(files)-invalid, len(files), v.Level)
	}
	if invalid > 0 {
		return errFailed
	}
	return nil
}

// expand lists the files that the arguments name. A folder stands for the .xml
// files below it. A folder without any is an error, because otherwise the
// command would succeed without checking anything.
func expand(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if arg == "-" || err == nil && !info.IsDir() {
			files = append(files, arg)
			continue
		}
		if err != nil {
			return nil, err
		}
		before := len(files)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.EqualFold(filepath.Ext(path), ".xml") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s: no .xml files in this folder", arg)
		}
	}
	return files, nil
}

// judge checks one message against schema and rules.
func judge(types *catalogue.Catalogue, file string, raw []byte, level catalogue.Level) verdict {
	v := verdict{File: file, Valid: true, Issues: []verdictIssue{}}
	_, findings := types.Findings(raw, level)
	for _, f := range findings {
		v.add(f)
	}
	return v
}

func (v *verdict) add(f fhir.Finding) {
	if f.Severity == fhir.Error || f.Severity == fhir.Fatal {
		v.Valid = false
	}
	v.Issues = append(v.Issues, verdictIssue{
		Severity: string(f.Severity), Code: f.Code, Location: f.Location, Text: f.Text, Rule: f.Rule,
		Expression: f.Expression, Source: f.Source, Line: f.Line, Column: f.Column,
	})
}

// reportJSON writes one verdict as one line.
func reportJSON(w io.Writer, v verdict) error { return encoder(w).Encode(v) }

// reportText writes one verdict for people.
func reportText(w io.Writer, v verdict) error {
	w = plain.Writer(w)
	state := "valid"
	if !v.Valid {
		state = "NOT VALID"
	}
	if n := len(v.Issues); n > 0 {
		state += fmt.Sprintf(", %d findings", n)
	}
	if _, err := fmt.Fprintf(w, "%s: %s\n", plain.Line(v.File), state); err != nil {
		return err
	}
	for _, i := range v.Issues {
		fmt.Fprintf(w, "  %d:%d %s %s\n", i.Line, i.Column, i.Severity, plain.Line(i.Expression))
		fmt.Fprintf(w, "    %s\n", plain.Line(i.Text))
		if i.Source != "" {
			fmt.Fprintf(w, "    rule %s, page %s\n", i.Rule, i.Source)
		} else {
			fmt.Fprintf(w, "    rule %s\n", i.Rule)
		}
	}
	return nil
}

// fileProgress draws a bar when many files are checked on a terminal.
func fileProgress(n int) *progress {
	if n < 20 || term.IsTerminal(int(os.Stdout.Fd())) {
		return nil
	}
	return newProgress("validating", int64(n))
}

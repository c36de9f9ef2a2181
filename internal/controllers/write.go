package controllers

import (
	"encoding/json"
	"io"

	"github.com/goccy/go-yaml"
)

// file is a catalogue as it is written. Evidence is a mapping there, because each
// kind is there once.
type file struct {
	Version int       `json:"version" yaml:"version"`
	Rows    []fileRow `json:"rows" yaml:"rows"`
}

type fileRow struct {
	Organisation string                  `json:"organisation" yaml:"organisation"`
	Role         Role                    `json:"role" yaml:"role"`
	Setting      string                  `json:"setting,omitempty" yaml:"setting,omitempty"`
	Event        string                  `json:"event" yaml:"event"`
	Status       Status                  `json:"status" yaml:"status"`
	Purpose      string                  `json:"purpose,omitempty" yaml:"purpose,omitempty"`
	Basis        map[string]string       `json:"basis,omitempty" yaml:"basis,omitempty"`
	Decided      map[string]string       `json:"decided,omitempty" yaml:"decided,omitempty"`
	Scope        map[string][]string     `json:"scope,omitempty" yaml:"scope,omitempty"`
	Grants       []string                `json:"grants,omitempty" yaml:"grants,omitempty"`
	Evidence     map[string]fileEvidence `json:"evidence,omitempty" yaml:"evidence,omitempty"`
	Retention    string                  `json:"retention,omitempty" yaml:"retention,omitempty"`
	Contact      string                  `json:"contact,omitempty" yaml:"contact,omitempty"`
	Notes        string                  `json:"notes,omitempty" yaml:"notes,omitempty"`
}

type fileEvidence struct {
	Reference string `json:"ref,omitempty" yaml:"ref,omitempty"`
	Given     string `json:"given,omitempty" yaml:"given,omitempty"`
	Expires   string `json:"expires,omitempty" yaml:"expires,omitempty"`
}

// WriteYAML writes rows as Read reads them.
func WriteYAML(to io.Writer, rows []Row) error {
	return yaml.NewEncoder(to, yaml.Indent(2), yaml.IndentSequence(true)).Encode(fileOf(rows))
}

// WriteJSON writes rows as Read reads them.
func WriteJSON(to io.Writer, rows []Row) error {
	out := json.NewEncoder(to)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(fileOf(rows))
}

func fileOf(rows []Row) file {
	f := file{Version: 1, Rows: make([]fileRow, 0, len(rows))}
	for _, r := range rows {
		of := fileRow{
			Organisation: string(r.Organisation), Role: r.Role, Setting: r.Setting, Event: r.Event, Status: r.Status, Purpose: r.Purpose,
			Basis:   filled("code", r.Basis.Code, "ref", r.Basis.Reference),
			Decided: filled("by", r.Decided.By, "on", r.Decided.On.String(), "review", r.Decided.Review.String()),
			Grants:  r.Grants, Retention: r.Retention, Contact: r.Contact, Notes: r.Notes,
		}
		if len(r.Scope.Rules) > 0 {
			of.Scope = map[string][]string{"rules": r.Scope.Rules}
			if len(r.Scope.Codes) > 0 {
				of.Scope["codes"] = r.Scope.Codes
			}
		}
		for _, e := range r.Evidence {
			if of.Evidence == nil {
				of.Evidence = map[string]fileEvidence{}
			}
			of.Evidence[e.Kind] = fileEvidence{e.Reference, e.Given.String(), e.Expires.String()}
		}
		f.Rows = append(f.Rows, of)
	}
	return f
}

// filled returns the pairs that have a value; nil if none has.
func filled(pairs ...string) (m map[string]string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			if m == nil {
				m = map[string]string{}
			}
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

// Public returns what everybody may read of the rows: all but contacts and notes,
// which can name people.
func Public(rows []Row) []Row {
	public := make([]Row, len(rows))
	for i, r := range rows {
		r.Contact, r.Notes = "", ""
		public[i] = r
	}
	return public
}

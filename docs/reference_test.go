package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"nems/internal/operator"
)

// golden compares a page that is written by a test with what it should be.
func golden(t *testing.T, file, page string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(file); err != nil || string(is) != page {
		t.Errorf("docs/%s is old (%v): go test ./docs -run %s -update", file, err, t.Name())
	}
}

func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }

// metric is what the source says of one.
type metric struct{ name, kind, labels, help string }

// TestMetricsPage: docs/metrics.md has every metric that the source defines.
func TestMetricsPage(t *testing.T) {
	found := map[string]metric{}
	err := filepath.WalkDir("../internal", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/proof/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, is := n.(*ast.CallExpr); is {
				if m, is := metricOf(call); is && (found[m.name].name == "" || m.labels != "") {
					found[m.name] = m
				}
			}
			return true
		})
		return nil
	})
	if err != nil || len(found) < 35 {
		t.Fatalf("%d metrics, %v", len(found), err)
	}
	page := "# Metrics\n\nWritten by `go test ./docs -run TestMetricsPage -update` from the source. The operations listener serves them at `/metrics`, with those of Go and of the process (`go_...`, `process_...`).\n" +
		"Labels come from closed sets, or name mailboxes and organisations: never a patient. [The runbook](runbook.md) says which values need somebody.\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
	var rows []string
	for _, m := range found {
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.name, m.kind, m.labels, cell(m.help)))
	}
	slices.Sort(rows)
	golden(t, "metrics.md", page+strings.Join(rows, ""))
}

// metricOf reads a call that defines a metric: by options with Name and Help, or by
// two texts, of which the first is a name.
func metricOf(call *ast.CallExpr) (m metric, is bool) {
	function := ""
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		function = f.Sel.Name
	case *ast.Ident:
		function = f.Name
	}
	for i, arg := range call.Args {
		if options, is := arg.(*ast.CompositeLit); is {
			for _, e := range options.Elts {
				pair, is := e.(*ast.KeyValueExpr)
				if !is {
					if labels := text(e); labels != "" && m.name != "" {
						m.labels = strings.TrimSpace(m.labels + " `" + labels + "`")
					}
					continue
				}
				switch key := fmt.Sprint(pair.Key); key {
				case "Name":
					m.name = text(pair.Value)
				case "Help":
					m.help = text(pair.Value)
				}
			}
		} else if i == 0 && strings.HasPrefix(text(arg), "nems_") && len(call.Args) > 1 {
			m.name, m.help = text(arg), text(call.Args[1])
		}
	}
	m.kind = "gauge"
	switch {
	case strings.HasSuffix(m.name, "_total"):
		m.kind = "counter"
	case strings.Contains(function, "Histogram") || m.name == "nems_commit_seconds" || m.name == "nems_commit_size":
		m.kind = "histogram"
	}
	return m, strings.HasPrefix(m.name, "nems_") && m.help != ""
}

func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	}
	return ""
}

// typeFile is as much of an event type's file as the page shows.
type typeFile struct {
	Code, Display, Interaction, Workflow, Publishers string
	Kinds, Focus, Profiles                           []string
	Resources                                        []struct {
		Resource, Slice string
		Count           any
		Elements        []map[string]any
	}
}

// TestEventTypesPage: docs/event-types.md has the rules of every event type.
func TestEventTypesPage(t *testing.T) {
	files, err := filepath.Glob("../internal/catalogue/types/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d event types, %v", len(files), err)
	}
	page := "# Event types and their rules\n\nWritten by `go test ./docs -run TestEventTypesPage -update` from the catalogue. `nems validate` checks these rules, those of STU3, and what all messages must have. A rule's id, which findings\n" +
		"quote, is the code of the event type, the resource and the element: `vaccinations-1/Immunization.notGiven`. Rules are errors at both levels (`--level standard` and `strict`), unless they say otherwise.\n\n" +
		"| event type | interaction | workflow | publishers |\n| --- | --- | --- | --- |\n"
	rules := ""
	for _, file := range append(files, "../internal/catalogue/requirements.yaml") {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f typeFile
		if err := yaml.Unmarshal(source, &f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if f.Code == "" {
			rules += "\n## All messages\n\nEvery message has to obey these, unless its event type has a rule of its own for the element.\n"
		} else {
			page += fmt.Sprintf("| [`%s`](#%s) %s | `%s` | `%s` | %s |\n", f.Code, f.Code, f.Display, orNone(f.Interaction), f.Workflow, f.Publishers)
			rules += fmt.Sprintf("\n## %s\n\n%s. Kinds: %s. The focus is: %s.", f.Code, f.Display, strings.Join(f.Kinds, ", "), strings.Join(f.Focus, ", "))
			if len(f.Profiles) > 0 {
				rules += " Profiles: " + strings.Join(f.Profiles, ", ") + "."
			}
			rules += "\n"
		}
		rules += "\n| resource | element | how often | what |\n| --- | --- | --- | --- |\n"
		for _, r := range f.Resources {
			name := r.Resource
			if r.Slice != "" {
				name += " (" + r.Slice + ")"
			}
			if r.Count != nil {
				rules += fmt.Sprintf("| %s | | %s | |\n", name, often(r.Count))
			}
			for _, e := range r.Elements {
				rules += fmt.Sprintf("| %s | `%v` | %s | %s |\n", name, e["path"], often(e["count"]), cell(demand(e)))
			}
		}
	}
	golden(t, "event-types.md", page+rules)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// often says a cardinality, which may differ by kind.
func often(count any) string {
	if kinds, is := count.(map[string]any); is {
		var out []string
		for _, kind := range []string{"new", "update", "delete"} {
			if c, there := kinds[kind]; there {
				out = append(out, fmt.Sprintf("%s %v", kind, c))
			}
		}
		return strings.Join(out, ", ")
	}
	if count == nil {
		return ""
	}
	return fmt.Sprint(count)
}

// demand says in words what a rule asks besides how often.
func demand(e map[string]any) string {
	var out []string
	for _, word := range []struct{ key, words string }{
		{"value", "is"}, {"values", "is one of"}, {"form", "has the form"}, {"types", "is of the type"}, {"refers", "refers to"}, {"bound", "has a code of"}, {"codes", "its code is of"},
		{"display-of", "its display is that of"}, {"one-of", "has one of"},
	} {
		value, there := e[word.key]
		if !there {
			continue
		}
		list, many := value.([]any)
		if !many {
			list = []any{value}
		}
		var names []string
		for _, v := range list {
			names = append(names, fmt.Sprintf("`%v`", v))
		}
		out = append(out, word.words+" "+strings.Join(names, ", "))
	}
	if pairs, is := e["pairs"].(map[string]any); is {
		var names []string
		for code, display := range pairs {
			names = append(names, fmt.Sprintf("`%s` %v", code, display))
		}
		slices.Sort(names)
		out = append(out, "code and display: "+strings.Join(names, "; "))
	}
	if when, is := e["when"].(map[string]any); is {
		out = append(out, fmt.Sprintf("where `%v` is %v", when["path"], strings.Trim(fmt.Sprint(when["values"]), "[]")))
	}
	if e["from"] == "harness" {
		out = append(out, "*at strict only*")
	}
	if e["broken-by"] != nil {
		out = append(out, "*a warning at standard*")
	}
	return strings.Join(out, "; ")
}

// openAPI is as much of the description of the operators' API as the page shows.
type openAPI struct {
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Summary     string
		Tags        []string
		Role        string `json:"x-nems-role"`
		Parameters  []struct {
			Name, In, Description string
			Required              bool
		}
		RequestBody *struct {
			Content map[string]struct{ Schema schema }
		}
		Responses map[string]struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Description string
	Items       *schema
	Properties  map[string]schema
	Required    []string
}

// name says what a schema is, with a link if the page explains it.
func (s schema) name() string {
	if ref := s.Ref[strings.LastIndex(s.Ref, "/")+1:]; ref != "" {
		return fmt.Sprintf("[%s](#%s)", ref, strings.ToLower(ref))
	}
	if s.Items != nil {
		return "list of " + s.Items.name()
	}
	switch kind := s.Type.(type) {
	case []any:
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(kind...), "[]"), "null", " or null")
	case string:
		return kind
	}
	return "any"
}

// TestOperatorAPIPage: docs/operator-api.md says in words what the OpenAPI document has.
func TestOperatorAPIPage(t *testing.T) {
	var api openAPI
	if err := json.Unmarshal(operator.OpenAPI(), &api); err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString("# The operators' API\n\nWritten by `go test ./docs -run TestOperatorAPIPage -update` from [the OpenAPI document](operator-openapi.json). [Operating](operating.md) says how to call it. The commands and the console do the same by\nthe same verbs. Errors are of the type [Problem](#problem).\n\n" +
		"| verb | request | role | what it does | sends | gets |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(api.Paths[path])) {
			o := api.Paths[path][method]
			sends := ""
			if o.RequestBody != nil {
				sends = o.RequestBody.Content["application/json"].Schema.name()
			}
			gets := "nothing"
			for _, c := range o.Responses["200"].Content {
				gets = c.Schema.name()
			}
			for _, p := range o.Parameters {
				if p.In == "query" {
					sends = strings.TrimSpace(sends + " `?" + p.Name + "`")
				}
			}
			fmt.Fprintf(&page, "| %s | `%s %s` | %s | %s | %s | %s |\n", o.OperationID, strings.ToUpper(method), path, o.Role, cell(o.Summary), sends, gets)
		}
	}
	page.WriteString("\n# Types\n")
	for _, name := range slices.Sorted(maps.Keys(api.Components.Schemas)) {
		s := api.Components.Schemas[name]
		fmt.Fprintf(&page, "\n## %s\n", name)
		if s.Description != "" {
			fmt.Fprintf(&page, "\n%s\n", s.Description)
		}
		if len(s.Properties) == 0 {
			fmt.Fprintf(&page, "\nA value of the type %s.\n", s.name())
			continue
		}
		page.WriteString("\n| member | type | meaning |\n| --- | --- | --- |\n")
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			p := s.Properties[member]
			must := ""
			if slices.Contains(s.Required, member) {
				must = ", always"
			}
			fmt.Fprintf(&page, "| `%s` | %s%s | %s |\n", member, p.name(), must, cell(p.Description))
		}
	}
	golden(t, "operator-api.md", strings.Replace(page.String(), "\n# Types\n", "\n## Types\n\nMembers that are not marked *always* may be left out.\n", 1))
}

package controllers

import (
	"slices"

	"nems/internal/nhs"
	"nems/internal/yamltree"
)

// rowKeys are the members of a row in a file, in the order of writing.
var rowKeys = []string{"organisation", "role", "setting", "event", "status", "purpose", "basis", "decided", "scope", "grants", "evidence", "retention", "contact", "notes"}

// Read reads rows from YAML or JSON: a list, or a list under the member rows. All
// mistakes come with their places (yamltree.Problems). known reports whether there
// is an event type of a code.
func Read(file string, text []byte, known func(code string) bool) ([]Row, error) {
	tree, root := yamltree.Parse(file, text)
	if root.IsMap() {
		m := root.Map("a catalogue", "version", "rows")
		root, _ = m.Need("a catalogue", "rows", "a list of rows")
	}
	r := reader{known: known, seen: map[string]bool{}}
	if root.Exists() {
		for _, n := range root.List("rows") {
			r.row(n)
		}
	}
	return r.rows, tree.Err()
}

type reader struct {
	known func(code string) bool
	rows  []Row
	seen  map[string]bool
}

func (r *reader) row(n yamltree.Node) {
	m := n.Map("a row", rowKeys...)
	row := Row{
		Organisation: nhs.ODSCode(text(m, "organisation")), Role: Role(text(m, "role")), Setting: text(m, "setting"), Event: text(m, "event"),
		Status: Status(text(m, "status")), Purpose: text(m, "purpose"), Retention: text(m, "retention"), Contact: text(m, "contact"), Notes: text(m, "notes"),
		Grants: texts(m, "grants"),
	}
	if b := m.Get("basis"); b.Exists() {
		of := b.Map("basis", "code", "ref")
		row.Basis = Basis{text(of, "code"), text(of, "ref")}
	}
	if d := m.Get("decided"); d.Exists() {
		of := d.Map("decided", "by", "on", "review")
		row.Decided = Decided{text(of, "by"), date(of, "on"), date(of, "review")}
	}
	if s := m.Get("scope"); s.Exists() {
		of := s.Map("scope", "rules", "codes")
		row.Scope = Scope{texts(of, "rules"), texts(of, "codes")}
	}
	if e := m.Get("evidence"); e.Exists() {
		for _, f := range e.Map("evidence").Fields {
			row.Evidence = append(row.Evidence, evidence(f))
		}
	}
	for _, p := range row.Validate(r.known) {
		received := p.Received
		if received != "" {
			received = yamltree.Quote(received)
		}
		place(n, m, p.Member).Fail("the "+p.Member+" of a row", p.Expected, received)
	}
	if r.seen[row.ID()] {
		n.Fail("the row "+row.ID()+" is there twice", "one row for each organisation, event, role and setting", "")
	}
	r.seen[row.ID()] = true
	r.rows = append(r.rows, row)
}

// place returns the node of a member such as scope.codes, or the nearest around it.
func place(n yamltree.Node, m yamltree.Map, member string) yamltree.Node {
	at := n
	for _, name := range splitMember(member) {
		child := m.Get(name)
		if !child.Exists() {
			break
		}
		at = child
		if !child.IsMap() {
			break
		}
		m = child.Map(name)
	}
	return at
}

// evidence reads one piece of evidence: its last day alone, or all of it.
func evidence(f yamltree.Field) Evidence {
	e := Evidence{Kind: f.Name}
	switch {
	case f.Value.IsEmpty():
	case f.Value.IsMap():
		m := f.Value.Map("evidence "+f.Name, "ref", "given", "expires")
		e.Reference, e.Given, e.Expires = text(m, "ref"), date(m, "given"), date(m, "expires")
	default:
		e.Expires = dateOf(f.Value, "evidence "+f.Name)
	}
	return e
}

func text(m yamltree.Map, name string) string {
	if n := m.Get(name); n.Exists() && !n.IsEmpty() {
		return n.Text(name)
	}
	return ""
}

func texts(m yamltree.Map, name string) []string {
	if n := m.Get(name); n.Exists() && !n.IsEmpty() {
		return slices.Clip(n.Texts(name))
	}
	return nil
}

func date(m yamltree.Map, name string) Date {
	if n := m.Get(name); n.Exists() && !n.IsEmpty() {
		return dateOf(n, name)
	}
	return Date{}
}

func dateOf(n yamltree.Node, what string) Date {
	written := n.Text(what)
	if written == "" {
		return Date{}
	}
	day, err := ParseDate(written)
	if err != nil {
		n.Fail(what, "a day, such as 2026-11-28", yamltree.Quote(written))
	}
	return day
}

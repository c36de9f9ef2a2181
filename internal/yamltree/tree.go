// Package yamltree reads YAML so that every mistake has its place: line, column,
// what is wrong, what was expected and what was received. All mistakes of a file are
// found, not just the first.
package yamltree

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a file.
const (
	MaxBytes = 64 << 20
	maxDepth = 100
)

// Tree is a file that is being read. It collects the problems.
type Tree struct {
	File     string
	problems Problems
}

// Err returns all problems, or nil if there are none.
func (t *Tree) Err() error {
	if len(t.problems) == 0 {
		return nil
	}
	return t.problems.sorted()
}

// Add reports a problem; its file is filled in.
func (t *Tree) Add(p Problem) {
	p.File = t.File
	if len(t.problems) < maxProblems {
		t.problems = append(t.problems, p)
	}
}

// Parse parses one document. If it is no YAML at all, the tree has that problem, and
// the node is the zero Node, which reports nothing more.
func Parse(file string, text []byte) (*Tree, Node) {
	t, root := &Tree{File: file}, Node{}
	if len(text) > MaxBytes {
		t.Add(Problem{Line: 1, Column: 1, What: "the file is too large", Expected: fmt.Sprintf("at most %d bytes", MaxBytes), Received: fmt.Sprint(len(text))})
		return t, root
	}
	if !utf8.Valid(text) {
		line, column := place(text)
		t.Add(Problem{Line: line, Column: column, What: "a byte that is no UTF-8", Expected: "UTF-8"})
		return t, root
	}
	if line, column, deep := TooDeep(text); deep {
		t.Add(Problem{Line: line, Column: column, What: "nested too deeply", Expected: fmt.Sprintf("at most %d levels", maxDepth)})
		return t, root
	}
	parsed, err := parse(text)
	if err != nil {
		p := syntax(err)
		p.Line = min(p.Line, strings.Count(string(text), "\n")+1) // the parser counts some ends twice
		t.Add(p)
		return t, root
	}
	if len(parsed.Docs) > 1 {
		t.Add(Problem{Line: 1, Column: 1, What: "more than one document", Expected: "one"})
		return t, root
	}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		t.Add(Problem{Line: 1, Column: 1, What: "the file is empty", Expected: "a mapping, such as key: value"})
		return t, root
	}
	return t, t.node(parsed.Docs[0].Body, 0)
}

// place returns where the first byte is that is no UTF-8.
func place(text []byte) (line, column int) {
	valid := 0
	for valid < len(text) {
		r, size := utf8.DecodeRune(text[valid:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		valid += size
	}
	before := string(text[:valid])
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// parse calls the parser, which panics on some files that are no YAML.
// TooDeep finds where brackets are opened within more than maxDepth others. Parsers use
// up the memory on such a text. Brackets in quoted texts and comments count too: no file
// for people has so many.
func TooDeep(text []byte) (line, column int, deep bool) {
	line, column = 1, 0
	depth := 0
	for _, c := range text {
		column++
		switch c {
		case '\n':
			line, column = line+1, 0
		case '[', '{':
			if depth++; depth > maxDepth {
				return line, column, true
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return 0, 0, false
}

func parse(text []byte) (f *ast.File, err error) {
	defer func() {
		if what := recover(); what != nil {
			err = errors.New("the file cannot be read as YAML")
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey()) // Map reports them, with the others
}

// syntax makes a problem of what the parser found.
func syntax(err error) Problem {
	p := Problem{Line: 1, Column: 1}
	message, _, _ := strings.Cut(err.Error(), "\n")
	var wrong yaml.Error
	if errors.As(err, &wrong) {
		if tk := wrong.GetToken(); tk != nil && tk.Position != nil {
			p.Line, p.Column, message = max(tk.Position.Line, 1), max(tk.Position.Column, 1), wrong.GetMessage()
		}
	}
	p.What = "no YAML: " + message
	for _, h := range hints {
		if strings.Contains(message, h.part) {
			p.Expected = h.expected
			break
		}
	}
	return p
}

// hints say what is usually meant, for parts of the parser's messages; the first that
// fits counts.
var hints = []struct{ part, expected string }{
	{"found character '\t'", "blanks; YAML has no tabs"},
	{"mapping value is not allowed", "a text with a colon in quotes"},
	{"found invalid token", "a text with special characters in quotes"},
	{"']' must be specified", "the end of a list in brackets"},
	{"'}' must be specified", "the end of a mapping in braces"},
	{"value is not allowed in this", "what belongs together in the same column"},
	{"found an invalid key", "key: value"},
	{"non-map value is specified", "key: value"},
	{"could not find end character of", "the end of a quoted text"},
}

// node wraps a node of the parser.
func (t *Tree) node(n ast.Node, depth int) Node {
	out := Node{tree: t, depth: depth, line: 1, column: 1}
	if n == nil {
		return out
	}
	first := n.GetToken()
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			first = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		first = n.Key.GetToken()
	}
	out.at(first)
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		out.Fail("anchors, aliases and tags are not understood here", "the value itself", "")
		return out
	}
	if depth > maxDepth {
		out.Fail("nested too deeply", fmt.Sprintf("at most %d levels", maxDepth), "")
		return out
	}
	if _, null := n.(*ast.NullNode); !null {
		out.content = n
	}
	return out
}

func (n *Node) at(tk *token.Token) {
	if tk != nil && tk.Position != nil {
		n.line, n.column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
	}
}

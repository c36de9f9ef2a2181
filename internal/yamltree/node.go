package yamltree

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Node is a value in a file. A method that does not find what it expects reports a
// problem and returns the zero value, so that reading goes on.
type Node struct {
	tree         *Tree
	content      ast.Node // nil if the value is empty
	depth        int
	line, column int
}

// Place returns line and column, from 1; 0 and 0 for the zero Node.
func (n Node) Place() (line, column int) { return n.line, n.column }

// Exists reports whether the node is in a file; its value may be empty.
func (n Node) Exists() bool { return n.tree != nil }

// IsEmpty reports whether there is no value.
func (n Node) IsEmpty() bool { return n.content == nil }

// Fail reports a problem with the node.
func (n Node) Fail(what, expected, received string) {
	if n.tree != nil {
		n.tree.Add(Problem{Line: n.line, Column: n.column, What: what, Expected: expected, Received: received})
	}
}

// IsText reports whether the value is a scalar.
func (n Node) IsText() bool { _, is := n.content.(ast.ScalarNode); return is }

// IsList reports whether the value is a list.
func (n Node) IsList() bool { _, is := n.content.(*ast.SequenceNode); return is }

// IsMap reports whether the value is a mapping.
func (n Node) IsMap() bool {
	switch n.content.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// kind says what the value is, for messages.
func (n Node) kind() string {
	switch {
	case n.IsEmpty():
		return "nothing"
	case n.IsMap():
		return "a mapping"
	case n.IsList():
		return "a list"
	}
	return Quote(n.text())
}

// text returns a scalar as it is written: 0123 stays 0123.
func (n Node) text() string {
	switch c := n.content.(type) {
	case *ast.StringNode:
		return c.Value
	case *ast.LiteralNode:
		if c.Value != nil {
			return c.Value.Value
		}
	case ast.ScalarNode:
		if tk := c.GetToken(); tk != nil {
			return tk.Value
		}
	}
	return ""
}

// Text returns a scalar as text. what names the value in the message.
func (n Node) Text(what string) string {
	if !n.IsText() {
		n.Fail(what, "a text", n.kind())
		return ""
	}
	return strings.TrimSpace(n.text())
}

// Int returns a whole number within bounds, both included.
func (n Node) Int(what string, least, most int) int {
	if n.IsText() {
		if i, err := strconv.Atoi(n.text()); err == nil && i >= least && i <= most {
			return i
		}
	}
	n.Fail(what, fmt.Sprintf("a number from %d to %d", least, most), n.kind())
	return least
}

// Bool returns yes or no.
func (n Node) Bool(what string) bool {
	switch strings.ToLower(n.text()) {
	case "yes", "true":
		return true
	case "no", "false":
		return false
	}
	n.Fail(what, "yes or no", n.kind())
	return false
}

// OneOf returns a scalar that is one of the words.
func (n Node) OneOf(what string, words ...string) string {
	text := strings.TrimSpace(n.text())
	if slices.Contains(words, text) {
		return text
	}
	n.Fail(what, Choice(words, text), n.kind())
	return ""
}

// Choice lists words for a message, and asks whether the nearest one was meant.
func Choice(words []string, received string) string {
	text := strings.Join(words, ", ")
	if last := len(words) - 1; last > 0 {
		text = strings.Join(words[:last], ", ") + " or " + words[last]
	}
	if near := Nearest(received, words); near != "" && received != "" {
		text += " (did you mean " + near + "?)"
	}
	return text
}

// List returns the items of a list. A single scalar counts as a list of one.
func (n Node) List(what string) (items []Node) {
	list, is := n.content.(*ast.SequenceNode)
	switch {
	case is:
		for i, value := range list.Values {
			item := n.tree.node(value, n.depth+1)
			if value == nil || value.GetToken() == nil {
				item.line, item.column = n.line+i, n.column
			}
			items = append(items, item)
		}
	case n.IsText():
		items = append(items, n)
	default:
		n.Fail(what, "a list", n.kind())
	}
	return items
}

// Texts returns a list of scalars; one scalar is a list of one.
func (n Node) Texts(what string) (texts []string) {
	for _, item := range n.List(what) {
		texts = append(texts, item.Text(what))
	}
	return texts
}

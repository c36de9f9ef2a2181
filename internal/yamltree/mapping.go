package yamltree

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Field is one key of a mapping with its value.
type Field struct {
	Name  string
	Key   Node // the place of the key
	Value Node
}

// Map is the content of a mapping, in the order of the file.
type Map struct {
	node   Node
	Fields []Field
	// Unknown counts the keys that were reported and left out.
	Unknown int
}

// Map returns the mapping. Keys that are not known are reported, with the nearest
// known one. No known keys at all mean that any are allowed.
func (n Node) Map(what string, known ...string) Map {
	m := Map{node: n}
	var pairs []*ast.MappingValueNode
	switch c := n.content.(type) {
	case *ast.MappingNode:
		pairs = c.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{c}
	default:
		example := "key"
		if len(known) > 0 {
			example = known[0]
		}
		n.Fail(what, "a mapping, such as "+example+": ...", n.kind())
		return m
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		key := n.tree.node(pair.Key, n.depth+1)
		name := key.text()
		switch {
		case !key.IsText():
			key.Fail("a key of "+what, "a word", key.kind())
		case seen[name]:
			key.Fail("the key "+name+" is there twice in "+what, "each key once", "")
		case len(known) > 0 && !slices.Contains(known, name):
			key.Fail("there is no key "+Quote(name)+" in "+what, Choice(known, name), "")
			m.Unknown++
		default:
			m.Fields = append(m.Fields, Field{name, key, n.value(key, pair.Value)})
		}
		seen[name] = true
	}
	return m
}

// value wraps the value of a key. An empty value has the place of its key.
func (n Node) value(key Node, value ast.Node) Node {
	v := n.tree.node(value, n.depth+1)
	if v.IsEmpty() {
		v.line, v.column = key.line, key.column
	}
	return v
}

// Get returns the value of a key; the zero Node if it is not there.
func (m Map) Get(name string) Node {
	for _, f := range m.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return Node{}
}

// Need returns the value of a key, and reports a problem if it is not there.
func (m Map) Need(what, name, expected string) (Node, bool) {
	v := m.Get(name)
	if !v.Exists() && m.node.IsMap() {
		m.node.Fail(what+" has no "+name, expected, "")
	}
	return v, v.Exists()
}

// Node returns where the mapping begins.
func (m Map) Node() Node { return m.node }

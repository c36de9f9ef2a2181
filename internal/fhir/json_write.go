package fhir

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrStructure says that a document cannot be written as JSON because its
// structure is not that of STU3. ParseXML's findings say where.
var ErrStructure = errors.New("fhir: the structure of the resource is broken")

// XMLToJSON writes a resource as FHIR JSON (STU3, json.html): resourceType
// first, elements in the schema's order, arrays where elements repeat, ids and
// extensions of primitives under "_name", the narrative as a string. Numbers
// keep their digits. Comments are lost, as FHIR JSON has none. The error is
// ErrStructure.
func XMLToJSON(doc *Document) ([]byte, error) {
	root := doc.Root()
	if !root.Exists() || root.record().typ == typeUnknown {
		return nil, ErrStructure
	}
	w := jsonWriter{facts: facts(), out: make([]byte, 0, len(doc.src))}
	if err := w.object(root); err != nil {
		return nil, err
	}
	return w.out, nil
}

type jsonWriter struct {
	facts *factTable
	out   []byte
}

// member starts a member of the object that is open.
func (w *jsonWriter) member(prefix, name string) {
	if w.out[len(w.out)-1] != '{' {
		w.out = append(w.out, ',')
	}
	w.out = append(append(append(append(w.out, '"'), prefix...), name...), '"', ':')
}

// text writes a string. Its bytes come from the scanner, so they are UTF-8.
func (w *jsonWriter) text(v []byte) error {
	out, err := jsontext.AppendQuote(w.out, v)
	w.out = out
	return err
}

// object writes a resource or an element with its content.
func (w *jsonWriter) object(n Node) error {
	w.out = append(w.out, '{')
	if w.facts.types[n.record().typ].isResource {
		w.member("", "resourceType")
		w.out = append(append(append(w.out, '"'), n.Name()...), '"')
	} else if err := w.identity(n); err != nil {
		return err
	}
	if err := w.members(n); err != nil {
		return err
	}
	w.out = append(w.out, '}')
	return nil
}

// identity writes the attributes id and url.
func (w *jsonWriter) identity(n Node) error {
	if id := n.ID(); id != "" {
		w.member("", "id")
		if err := w.text([]byte(id)); err != nil {
			return err
		}
	}
	if n.record().typ != typeExtension || n.record().value == 0 {
		return nil
	}
	w.member("", "url")
	return w.text(n.attribute())
}

// members writes the children, grouped by name.
func (w *jsonWriter) members(n Node) error {
	t := &w.facts.types[n.record().typ]
	var done []uint16
	nodes := n.doc.nodes
	for i := n.index + 1; i < n.record().next; {
		name := nodes[i].name
		for _, d := range done {
			if d == name {
				return ErrStructure
			}
		}
		done = append(done, name)
		c := t.find(w.facts.names, []byte(w.facts.names[name]))
		if name == 0 || c == nil {
			return ErrStructure
		}
		end := nodes[i].next
		for end < n.record().next && nodes[end].name == name {
			end = nodes[end].next
		}
		if err := w.group(n.doc, c, i, end); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// group writes the elements of one name, at the indexes from start up to end.
func (w *jsonWriter) group(doc *Document, c *cell, start, end uint32) error {
	if !c.many && doc.nodes[start].next != end {
		return ErrStructure
	}
	if w.facts.types[c.typ].kind != kindNone {
		return w.primitives(doc, c, start, end)
	}
	w.member("", w.facts.names[c.name])
	if c.many {
		w.out = append(w.out, '[')
	}
	for i := start; i < end; i = doc.nodes[i].next {
		if i > start {
			w.out = append(w.out, ',')
		}
		if err := w.complex(Node{doc, i}); err != nil {
			return err
		}
	}
	if c.many {
		w.out = append(w.out, ']')
	}
	return nil
}

func (w *jsonWriter) complex(n Node) error {
	switch n.record().typ {
	case typeXHTML:
		return w.text(n.narrative())
	case typeResourceContainer:
		resource := n.Resource()
		if !resource.Exists() || resource.record().typ == typeUnknown || resource.record().next != n.record().next {
			return ErrStructure
		}
		return w.object(resource)
	}
	return w.object(n)
}

// primitives writes the values under the name, and ids and extensions under the
// name with an underscore.
func (w *jsonWriter) primitives(doc *Document, c *cell, start, end uint32) error {
	values, extras := false, false
	for i := start; i < end; i = doc.nodes[i].next {
		n := Node{doc, i}
		values = values || n.HasValue()
		extras = extras || n.hasExtras()
	}
	if values {
		if err := w.series("", doc, c, start, end, w.value); err != nil {
			return err
		}
	}
	if extras {
		return w.series("_", doc, c, start, end, w.extras)
	}
	return nil
}

func (n Node) hasExtras() bool { return n.record().next > n.index+1 || n.ID() != "" }

func (w *jsonWriter) series(prefix string, doc *Document, c *cell, start, end uint32, write func(Node) error) error {
	w.member(prefix, w.facts.names[c.name])
	if c.many {
		w.out = append(w.out, '[')
	}
	for i := start; i < end; i = doc.nodes[i].next {
		if i > start {
			w.out = append(w.out, ',')
		}
		if err := write(Node{doc, i}); err != nil {
			return err
		}
	}
	if c.many {
		w.out = append(w.out, ']')
	}
	return nil
}

// value writes a primitive's value, or null where other elements of its array have a value.
func (w *jsonWriter) value(n Node) error {
	if !n.HasValue() {
		w.out = append(w.out, "null"...)
		return nil
	}
	v := n.attribute()
	switch w.facts.types[n.record().typ].kind {
	case kindBoolean:
		if checkBoolean(v) != verdictGood {
			return ErrStructure
		}
	case kindInteger, kindUnsignedInt, kindPositiveInt, kindDecimal:
		if checkDecimal(v) == verdictForm {
			return ErrStructure
		}
	default:
		return w.text(v)
	}
	w.out = append(w.out, v...)
	return nil
}

// extras writes the id and extensions of a primitive, or null.
func (w *jsonWriter) extras(n Node) error {
	if !n.hasExtras() {
		w.out = append(w.out, "null"...)
		return nil
	}
	return w.object(n)
}

// narrative returns the div as XML that stands alone. It adds declarations of
// prefixes that are declared outside the div.
func (n Node) narrative() []byte {
	source := n.doc.src[n.record().start:n.record().end]
	if narrativeError(source) == nil {
		return source
	}
	end := bytes.IndexAny(source, " \t\r\n/>")
	out := append([]byte(nil), source[:end]...)
	declared := map[string]bool{}
	for at := n; at.Exists(); at = at.Parent() {
		for name, raw := range tagAttributes(at.doc.src[at.record().start:]) {
			if (name == "xmlns" || len(name) > 6 && name[:6] == "xmlns:") && !declared[name] {
				declared[name] = true
				if at != n {
					out = append(append(append(out, ' '), name...), '=')
					out = append(out, raw...)
				}
			}
		}
	}
	return append(out, source[end:]...)
}

// narrativeError says why XML is not one div in the XHTML namespace; nil if it
// is.
func narrativeError(source []byte) error {
	table := facts()
	p := parser{src: source, doc: &Document{src: source, facts: table}, facts: table}
	p.names = p.facts.names
	if err := p.parse(typeNarrative); err != nil {
		return err
	}
	root := p.nodes[0]
	if root.typ != typeXHTML || root.start != 0 || int(root.end) != len(source) {
		return &SyntaxError{Rule: ruleJSONNarrative.id, Line: 1, Column: 1,
			Text: "a narrative is one div in the namespace http://www.w3.org/1999/xhtml; received something else"}
	}
	return nil
}

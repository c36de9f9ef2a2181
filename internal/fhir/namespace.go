package fhir

// namespace is a number for the name that a prefix stands for, so that names
// of any length are compared at once. Those behind nsOther are numbered by the
// parser as they come.
type namespace uint32

const (
	nsNone namespace = iota
	nsFHIR
	nsXHTML
	nsXML
	nsXMLNS
	nsInstance // of XML schema: xsi
	nsOther
)

var knownNamespaces = map[string]namespace{
	"":                                     nsNone,
	fhirNamespace:                          nsFHIR,
	"http://www.w3.org/1999/xhtml":         nsXHTML,
	"http://www.w3.org/XML/1998/namespace": nsXML,
	"http://www.w3.org/2000/xmlns/":        nsXMLNS,
	"http://www.w3.org/2001/XMLSchema-instance": nsInstance,
}

// namespaceOf gives the number of a namespace.
func (p *parser) namespaceOf(uri []byte) namespace {
	if ns, known := knownNamespaces[string(uri)]; known {
		return ns
	}
	if ns, known := p.otherNamespaces[string(uri)]; known {
		return ns
	}
	if p.otherNamespaces == nil {
		p.otherNamespaces = map[string]namespace{}
	}
	ns := nsOther + namespace(len(p.otherNamespaces))
	p.otherNamespaces[string(uri)] = ns
	return ns
}

// isSchemaHint recognises attributes that tell a schema processor where to
// look. They mean nothing to others.
func (n namespace) isSchemaHint(name string) bool {
	return n == nsInstance && (name == "schemaLocation" || name == "noNamespaceSchemaLocation")
}

// scope is what namespace declarations are in force: the default namespace
// and a length of parser.bindings.
type scope struct {
	element  namespace // of elements without a prefix
	bindings uint32
}

// binding is a prefix with a meaning, as long as its element is open.
type binding struct {
	prefix string
	ns     namespace
	hidden uint32 // the binding of this prefix further out, from 1; 0: none
}

// declareNamespaces puts the declarations of the start tag in force, and then
// resolves the prefixes of its attributes.
func (p *parser) declareNamespaces() error {
	for i := range p.attributeCount {
		a := &p.attributes[i]
		a.uri = nsNone
		switch {
		case a.prefix.start == a.prefix.end:
			if string(p.bytes(a.name)) == "xmlns" {
				if err := p.declareDefault(a); err != nil {
					return err
				}
			}
		case string(p.bytes(a.prefix)) == "xmlns":
			if err := p.declarePrefix(a); err != nil {
				return err
			}
		}
	}
	for i := range p.attributeCount {
		a := &p.attributes[i]
		if a.prefix.start == a.prefix.end || a.uri == nsXMLNS {
			continue
		}
		ns, found := p.lookup(p.bytes(a.prefix))
		if !found {
			return p.undeclared(a.prefix)
		}
		a.uri = ns
	}
	return p.checkDuplicates()
}

func (p *parser) declareDefault(a *attribute) error {
	ns := p.namespaceOf(p.value(a))
	if ns == nsXML || ns == nsXMLNS {
		return p.syntax("fhir-namespace", "this namespace may not be declared", int(a.name.start))
	}
	a.uri = nsXMLNS
	p.space.element = ns
	return nil
}

func (p *parser) declarePrefix(a *attribute) error {
	ns := p.namespaceOf(p.value(a))
	prefix := string(p.bytes(a.name))
	switch {
	case ns == nsNone:
		return p.syntax("fhir-namespace", "a prefix needs a namespace; received an empty one", int(a.name.start))
	case prefix == "xmlns", ns == nsXMLNS, (prefix == "xml") != (ns == nsXML):
		return p.syntax("fhir-namespace", "the prefixes xml and xmlns and their namespaces cannot be declared anew", int(a.name.start))
	}
	a.uri = nsXMLNS
	if p.prefixes == nil {
		p.prefixes = map[string]uint32{}
	}
	p.bindings = append(p.bindings, binding{prefix, ns, p.prefixes[prefix]})
	p.space.bindings = uint32(len(p.bindings))
	p.prefixes[prefix] = p.space.bindings
	return nil
}

// restore puts the declarations around an element that closes in force.
func (p *parser) restore(outer scope) {
	for len(p.bindings) > int(outer.bindings) {
		last := &p.bindings[len(p.bindings)-1]
		p.prefixes[last.prefix] = last.hidden
		p.bindings = p.bindings[:len(p.bindings)-1]
	}
	p.space = outer
}

// lookup finds what a prefix stands for.
func (p *parser) lookup(prefix []byte) (namespace, bool) {
	if at := p.prefixes[string(prefix)]; at > 0 {
		return p.bindings[at-1].ns, true
	}
	if string(prefix) == "xml" {
		return nsXML, true
	}
	return nsNone, false
}

func (p *parser) undeclared(prefix span) error {
	return p.syntax("xml-prefix", "a prefix that no namespace is declared for", int(prefix.start))
}

package fhir

// namespace is a number for the name that a prefix stands for, so that names of
// any length are compared at once. The parser numbers further namespaces as
// they appear, after nsOther.
type namespace uint32

const (
	nsNone namespace = iota
	nsFHIR
	nsXHTML
	nsXML
	nsXMLNS
	nsInstance // of XML schema instances: xsi
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

// namespaceOf returns the number of the namespace that an attribute declares.
func (p *parser) namespaceOf(a *attribute) (namespace, error) {
	uri := p.value(a)
	if ns, known := knownNamespaces[string(uri)]; known {
		return ns, nil
	}
	if ns, known := p.otherNamespaces[string(uri)]; known {
		return ns, nil
	}
	if len(p.otherNamespaces) == maxNamespaces {
		return nsNone, p.syntax("fhir-namespace", "a document declares more than 256 namespaces", int(a.name.start))
	}
	if p.otherNamespaces == nil {
		p.otherNamespaces = map[string]namespace{}
	}
	ns := nsOther + namespace(len(p.otherNamespaces))
	p.otherNamespaces[string(uri)] = ns
	return ns, nil
}

// isSchemaHint recognises attributes that tell a schema processor where to
// look. They mean nothing to other readers.
func (n namespace) isSchemaHint(name string) bool {
	return n == nsInstance && (name == "schemaLocation" || name == "noNamespaceSchemaLocation")
}

// scope is the namespace declarations in force: the default namespace and a
// length of parser.bindings.
type scope struct {
	element  namespace // the namespace of elements without a prefix
	bindings uint32
}

// prefix holds the namespace that a prefix stands for now; nsNone means none.
type prefix struct{ ns namespace }

// binding is the declaration of a prefix while its element is open.
type binding struct {
	prefix *prefix
	outer  namespace // the namespace of the prefix outside the element
}

// declareNamespaces puts the declarations of the start tag into force, and then
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
	ns, err := p.namespaceOf(a)
	switch {
	case err != nil:
		return err
	case ns == nsXML || ns == nsXMLNS:
		return p.syntax("fhir-namespace", "this namespace must not be declared", int(a.name.start))
	}
	a.uri = nsXMLNS
	p.space.element = ns
	return nil
}

func (p *parser) declarePrefix(a *attribute) error {
	ns, err := p.namespaceOf(a)
	name := p.bytes(a.name)
	switch {
	case err != nil:
		return err
	case ns == nsNone:
		return p.syntax("fhir-namespace", "a prefix needs a namespace; received an empty one", int(a.name.start))
	case string(name) == "xmlns", ns == nsXMLNS, (string(name) == "xml") != (ns == nsXML):
		return p.syntax("fhir-namespace", "the prefixes xml and xmlns and their namespaces must not be redeclared", int(a.name.start))
	}
	a.uri = nsXMLNS
	declared := p.prefixes[string(name)]
	if declared == nil {
		if len(p.prefixes) == maxPrefixes {
			return p.syntax("fhir-namespace", "a document declares more than 256 prefixes", int(a.name.start))
		}
		if p.prefixes == nil {
			p.prefixes = map[string]*prefix{}
		}
		declared = new(prefix)
		p.prefixes[string(name)] = declared
	}
	p.bindings = append(p.bindings, binding{declared, declared.ns})
	p.space.bindings = uint32(len(p.bindings))
	declared.ns = ns
	return nil
}

// restore puts the declarations of the surrounding element back into force when an element closes.
func (p *parser) restore(outer scope) {
	for len(p.bindings) > int(outer.bindings) {
		last := p.bindings[len(p.bindings)-1]
		last.prefix.ns = last.outer
		p.bindings = p.bindings[:len(p.bindings)-1]
	}
	p.space = outer
}

// lookup finds what a prefix stands for.
func (p *parser) lookup(name []byte) (namespace, bool) {
	if declared := p.prefixes[string(name)]; declared != nil && declared.ns != nsNone {
		return declared.ns, true
	}
	if string(name) == "xml" {
		return nsXML, true
	}
	return nsNone, false
}

func (p *parser) undeclared(prefix span) error {
	return p.syntax("xml-prefix", "a prefix has no declared namespace", int(prefix.start))
}

package fhir

import "bytes"

// namespace is the name that a prefix stands for.
type namespace struct {
	known knownNamespace
	uri   []byte // of other namespaces
}

type knownNamespace uint8

const (
	nsNone knownNamespace = iota
	nsFHIR
	nsXHTML
	nsXML
	nsXMLNS
	nsInstance // of XML schema: xsi
	nsOther
)

func (n namespace) equal(m namespace) bool {
	return n.known == m.known && bytes.Equal(n.uri, m.uri)
}

func namespaceOf(uri []byte) namespace {
	switch string(uri) {
	case "":
		return namespace{}
	case fhirNamespace:
		return namespace{known: nsFHIR}
	case "http://www.w3.org/1999/xhtml":
		return namespace{known: nsXHTML}
	case "http://www.w3.org/XML/1998/namespace":
		return namespace{known: nsXML}
	case "http://www.w3.org/2000/xmlns/":
		return namespace{known: nsXMLNS}
	case "http://www.w3.org/2001/XMLSchema-instance":
		return namespace{known: nsInstance}
	}
	return namespace{nsOther, uri}
}

// isSchemaHint recognises attributes that tell a schema processor where to
// look. They mean nothing to others.
func (n namespace) isSchemaHint(name string) bool {
	return n.known == nsInstance && (name == "schemaLocation" || name == "noNamespaceSchemaLocation")
}

// scope is what namespace declarations are in force: the default namespace
// and a length of parser.bindings.
type scope struct {
	element  knownNamespace // of elements without a prefix
	bindings uint32
}

type binding struct {
	prefix span
	ns     namespace
}

// declareNamespaces puts the declarations of the start tag in force, and then
// resolves the prefixes of its attributes.
func (p *parser) declareNamespaces() error {
	for i := range p.attributeCount {
		a := &p.attributes[i]
		a.uri = namespace{}
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
		if a.prefix.start == a.prefix.end || a.uri.known == nsXMLNS {
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
	ns := namespaceOf(p.value(a))
	if ns.known == nsXML || ns.known == nsXMLNS {
		return p.syntax("fhir-namespace", "this namespace may not be declared", int(a.name.start))
	}
	a.uri = namespace{known: nsXMLNS}
	p.space.element = ns.known
	return nil
}

func (p *parser) declarePrefix(a *attribute) error {
	ns := namespaceOf(p.value(a))
	prefix := string(p.bytes(a.name))
	switch {
	case ns.known == nsNone:
		return p.syntax("fhir-namespace", "a prefix needs a namespace; received an empty one", int(a.name.start))
	case prefix == "xmlns", ns.known == nsXMLNS, (prefix == "xml") != (ns.known == nsXML):
		return p.syntax("fhir-namespace", "the prefixes xml and xmlns and their namespaces cannot be declared anew", int(a.name.start))
	}
	a.uri = namespace{known: nsXMLNS}
	p.bindings = append(p.bindings, binding{a.name, ns})
	p.space.bindings = uint32(len(p.bindings))
	return nil
}

// lookup finds what a prefix stands for.
func (p *parser) lookup(prefix []byte) (namespace, bool) {
	for i := len(p.bindings) - 1; i >= 0; i-- {
		if bytes.Equal(p.bytes(p.bindings[i].prefix), prefix) {
			return p.bindings[i].ns, true
		}
	}
	if string(prefix) == "xml" {
		return namespace{known: nsXML}, true
	}
	return namespace{}, false
}

func (p *parser) undeclared(prefix span) error {
	return p.syntax("xml-prefix", "a prefix that no namespace is declared for", int(prefix.start))
}

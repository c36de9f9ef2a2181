package fhir

import (
	"bytes"
	"hash/maphash"
	"iter"
)

// attribute is one attribute of the start tag that is being read.
type attribute struct {
	prefix, name span // an empty prefix means none
	value        span // between the quotes, as written
	plain        bool // no references, and no white space other than blanks
	uri          namespace
}

// value returns an attribute's normalised value.
func (p *parser) value(a *attribute) []byte {
	raw := p.bytes(a.value)
	if a.plain {
		return raw
	}
	return unescapeAttribute(raw)
}

// readAttributes reads from an element's name to the end of its start tag, and
// reports whether it is an empty-element tag.
func (p *parser) readAttributes() (empty bool, err error) {
	p.attributeCount = 0
	for {
		before := p.pos
		for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
			p.pos++
		}
		if p.pos >= len(p.src) {
			return false, p.unexpectedEnd()
		}
		switch c := p.src[p.pos]; {
		case c == '>':
			p.pos++
			return false, nil
		case c == '/':
			if p.pos+1 >= len(p.src) || p.src[p.pos+1] != '>' {
				return false, p.syntax("xml-tag", "a slash inside a tag must be followed by >", p.pos)
			}
			p.pos += 2
			return true, nil
		case before == p.pos:
			return false, p.syntax("xml-tag", "white space is missing before an attribute, or a name holds a character that is not allowed in names", p.pos)
		}
		if err := p.readAttribute(); err != nil {
			return false, err
		}
	}
}

func (p *parser) readAttribute() error {
	if p.attributeCount == maxAttributes {
		return p.syntax("fhir-attributes", "an element has more than 64 attributes", p.pos)
	}
	a := &p.attributes[p.attributeCount]
	p.attributeCount++
	var err error
	if a.prefix, a.name, err = p.readName(); err != nil {
		return err
	}
	p.skipSpace()
	if p.pos >= len(p.src) || p.src[p.pos] != '=' {
		return p.syntax("xml-tag", "an attribute needs a value", p.pos)
	}
	p.pos++
	p.skipSpace()
	return p.readValue(a)
}

func (p *parser) skipSpace() {
	for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
		p.pos++
	}
}

// readValue reads a quoted value and checks its characters.
func (p *parser) readValue(a *attribute) error {
	src, i := p.src, p.pos
	if i >= len(src) || src[i] != '"' && src[i] != '\'' {
		return p.syntax("xml-tag", "an attribute's value must be in quotes", i)
	}
	quote := src[i]
	i++
	a.value.start = uint32(i)
	a.plain = true
	for {
		i = skipPlain(src, i)
		if i >= len(src) {
			return p.unexpectedEnd()
		}
		size, err := 1, error(nil)
		switch c := src[i]; {
		case c == quote:
			a.value.end = uint32(i)
			p.pos = i + 1
			return nil
		case c == '<':
			return p.syntax("xml-tag", "the character < is not allowed in an attribute's value", i)
		case c == '&':
			a.plain = false
			_, size, err = p.reference(i)
		case isSpace(c):
			a.plain = false
		case c != '"' && c != '\'':
			size, err = p.character(i)
		}
		if err != nil {
			return err
		}
		i += size
	}
}

// readName reads a name with or without a prefix.
func (p *parser) readName() (prefix, name span, err error) {
	if name, err = p.readNCName(); err != nil {
		return prefix, name, err
	}
	if p.pos < len(p.src) && p.src[p.pos] == ':' {
		p.pos++
		prefix = name
		name, err = p.readNCName()
	}
	return prefix, name, err
}

func (p *parser) readNCName() (span, error) {
	src, start := p.src, p.pos
	i := start
	for i < len(src) {
		if class[src[i]]&className != 0 {
			i++
			continue
		}
		if src[i] < 0x80 {
			break
		}
		size, err := p.character(i)
		if err != nil {
			return span{}, err
		}
		i += size
	}
	p.pos = i
	name := src[start:i]
	if len(name) == 0 || class[name[0]]&classStart == 0 && name[0] < 0x80 || !isASCII(name) && !isNCName(name) {
		return span{}, p.syntax("xml-name", "a name is missing or holds a character that is not allowed in names", start)
	}
	return span{uint32(start), uint32(i)}, nil
}

func isASCII(v []byte) bool {
	for _, c := range v {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// checkDuplicates refuses two attributes with the same expanded name.
// Attributes without a prefix are in no namespace. Namespace declarations are
// in a namespace of their own.
func (p *parser) checkDuplicates() error {
	if p.attributeCount < 2 {
		return nil
	}
	// The hash table has twice as many places as there can be attributes, so
	// that each attribute is compared only with the few that share its place.
	var table [2 * maxAttributes]uint8 // attributes are numbered from 1
	for i := range p.attributeCount {
		a := &p.attributes[i]
		at := maphash.Bytes(hashSeed, p.bytes(a.name)) + uint64(a.uri)
		for ; table[at%uint64(len(table))] != 0; at++ {
			count(1)
			b := &p.attributes[table[at%uint64(len(table))]-1]
			if a.uri == b.uri && bytes.Equal(p.bytes(a.name), p.bytes(b.name)) && (a.prefix.start == a.prefix.end) == (b.prefix.start == b.prefix.end) {
				return p.syntax("xml-attribute-twice", "an attribute occurs twice in one element", int(a.name.start))
			}
		}
		table[at%uint64(len(table))] = uint8(i + 1)
	}
	return nil
}

var hashSeed = maphash.MakeSeed()

// startTagAttribute finds an attribute without a prefix in a well-formed start
// tag.
func startTagAttribute(tag []byte, name string) (value []byte, found bool) {
	for n, quoted := range tagAttributes(tag) {
		if n == name {
			return unescapeAttribute(quoted[1 : len(quoted)-1]), true
		}
	}
	return nil, false
}

// tagAttributes yields the attributes of a well-formed start tag: names as
// written, values with their quotes.
func tagAttributes(tag []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i := bytes.IndexAny(tag, " \t\r\n/>"); ; {
			for isSpace(tag[i]) {
				i++
			}
			if tag[i] == '/' || tag[i] == '>' {
				return
			}
			equals := i + bytes.IndexByte(tag[i:], '=')
			quote := equals + bytes.IndexAny(tag[equals:], `"'`)
			end := quote + 1 + bytes.IndexByte(tag[quote+1:], tag[quote]) + 1
			if !yield(string(bytes.TrimRight(tag[i:equals], " \t\r\n")), tag[quote:end]) {
				return
			}
			i = end
		}
	}
}

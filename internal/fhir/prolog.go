package fhir

import "bytes"

// prolog reads what comes before the root: a byte order mark, the XML
// declaration, white space and comments.
func (p *parser) prolog() error {
	switch {
	case bytes.HasPrefix(p.src, utf8BOM):
		p.pos = len(utf8BOM)
	case bytes.HasPrefix(p.src, []byte("\xfe\xff")), bytes.HasPrefix(p.src, []byte("\xff\xfe")),
		bytes.HasPrefix(p.src, []byte("<\x00")), bytes.HasPrefix(p.src, []byte("\x00<")):
		return p.syntax("fhir-encoding", "FHIR is written in UTF-8; received UTF-16 or UTF-32", 0)
	}
	rest := p.src[p.pos:]
	if bytes.HasPrefix(rest, []byte("<?xml")) && len(rest) > 5 && isSpace(rest[5]) {
		if err := p.xmlDeclaration(); err != nil {
			return err
		}
	}
	return p.misc()
}

// misc reads white space and comments outside the root.
func (p *parser) misc() error {
	for {
		for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
			p.pos++
		}
		rest := p.src[p.pos:]
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			if err := p.comment(); err != nil {
				return err
			}
		case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
			return p.syntax("fhir-doctype", "a DOCTYPE is not allowed in a resource", p.pos)
		case bytes.HasPrefix(rest, []byte("<?")):
			return p.instruction()
		default:
			return nil
		}
	}
}

// epilog accepts only comments and white space after the root.
func (p *parser) epilog() error {
	if err := p.misc(); err != nil {
		return err
	}
	switch {
	case p.pos == len(p.src):
		return nil
	case p.src[p.pos] == 0:
		// This is not XML either, but readers written in C see the end of the text here.
		return p.syntax("fhir-nul", "there are NUL bytes after the root", p.pos)
	case p.src[p.pos] == '<':
		return p.syntax("xml-root", "a document has one root; received more markup after it", p.pos)
	}
	return p.syntax("xml-root", "a document has one root; received text after it", p.pos)
}

// xmlDeclaration reads version, encoding and standalone, in that order.
func (p *parser) xmlDeclaration() error {
	start := p.pos
	end := bytes.Index(p.src[start:], []byte("?>"))
	if end < 0 {
		return p.syntax("xml-declaration", "the XML declaration has no end", start)
	}
	fields, good := declarationFields(p.src[start+5 : start+end])
	p.pos = start + end + 2
	version, encoding, standalone := fields[0], fields[1], fields[2]
	if !good || version == nil || standalone != nil && string(standalone) != "yes" && string(standalone) != "no" {
		return p.syntax("xml-declaration", `the XML declaration has the form <?xml version="1.0" encoding="UTF-8"?>`, start)
	}
	if string(version) != "1.0" {
		return p.syntax("fhir-xml-version", "FHIR is written in XML 1.0; received another version", start)
	}
	if encoding != nil && !bytes.EqualFold(encoding, []byte("utf-8")) {
		return p.syntax("fhir-encoding", "FHIR is written in UTF-8; received the name of another encoding", start)
	}
	return nil
}

// declarationFields returns the values of the three fields, nil for an absent one.
func declarationFields(text []byte) (values [3][]byte, good bool) {
	next := 0
	for {
		trimmed := bytes.TrimLeft(text, " \t\r\n")
		if len(trimmed) == 0 {
			return values, true
		}
		name, rest, found := bytes.Cut(trimmed, []byte("="))
		rest = bytes.TrimLeft(rest, " \t\r\n")
		at := fieldIndex(bytes.TrimRight(name, " \t\r\n"))
		if !found || len(rest) < 2 || len(trimmed) == len(text) || at < next || rest[0] != '"' && rest[0] != '\'' {
			return values, false
		}
		end := bytes.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return values, false
		}
		values[at], next = rest[1:end+1:end+1], at+1
		text = rest[end+2:]
	}
}

func fieldIndex(name []byte) int {
	switch string(name) {
	case "version":
		return 0
	case "encoding":
		return 1
	case "standalone":
		return 2
	}
	return -1
}

package fhir

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// IndentJSON writes a resource for people (STU3, http.html, "_pretty"): JSON as
// this package writes it.
func IndentJSON(body []byte) []byte {
	value := jsontext.Value(bytes.Clone(body))
	if value.Indent(jsontext.WithIndent("  ")) != nil {
		return body // what we write ourselves is JSON
	}
	return append(value, '\n')
}

// IndentXML writes a resource for people: XML as this package writes it, which
// has no blanks of its own between tags, and no text but in attributes.
func IndentXML(xml []byte) []byte {
	out := make([]byte, 0, 2*len(xml))
	depth := 0
	for len(xml) > 0 {
		end := bytes.IndexByte(xml, '>') + 1 // attributes have it escaped
		if end == 0 {
			end = len(xml)
		}
		tag := xml[:end]
		closing := bytes.HasPrefix(tag, []byte("</"))
		if closing {
			depth--
		}
		if len(out) > 0 {
			out = append(out, '\n')
		}
		for range depth {
			out = append(out, ' ', ' ')
		}
		out = append(out, tag...)
		if !closing && !bytes.HasSuffix(tag, []byte("/>")) {
			depth++
		}
		xml = xml[end:]
	}
	return append(out, '\n')
}

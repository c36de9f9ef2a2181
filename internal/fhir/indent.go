package fhir

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// IndentJSON indents JSON for people to read (STU3, http.html, "_pretty"). body
// is JSON as this package writes it.
func IndentJSON(body []byte) []byte {
	value := jsontext.Value(bytes.Clone(body))
	if value.Indent(jsontext.WithIndent("  ")) != nil {
		return body // cannot happen: body is JSON that we wrote
	}
	return append(value, '\n')
}

// IndentXML indents XML for people to read. xml is as this package writes it,
// without blanks between tags and with text only in attributes.
func IndentXML(xml []byte) []byte {
	out := make([]byte, 0, 2*len(xml))
	depth := 0
	for len(xml) > 0 {
		end := bytes.IndexByte(xml, '>') + 1 // attributes have > escaped
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

package fhir

import "unicode/utf8"

const fhirNamespace = "http://hl7.org/fhir"

// Writer builds a resource in XML; elements are in the order of the calls. It
// escapes but does not check; ParseXML does that. The zero Writer writes
// elements that are later embedded with Raw.
type Writer struct {
	buf     []byte
	open    []string
	inStart bool // attributes can still be added to the last start tag
}

// NewWriter starts a resource of that type in the FHIR namespace.
func NewWriter(resource string) *Writer {
	w := &Writer{buf: make([]byte, 0, 1024)}
	w.Open(resource)
	w.Attr("xmlns", fhirNamespace)
	return w
}

// Open starts an element.
func (w *Writer) Open(name string) *Writer {
	w.finishTag()
	w.buf = append(append(w.buf, '<'), name...)
	w.open = append(w.open, name)
	w.inStart = true
	return w
}

// OpenAttr starts an element that has one attribute, such as an extension
// with its url.
func (w *Writer) OpenAttr(name, attribute, value string) *Writer {
	return w.Open(name).Attr(attribute, value)
}

// Attr adds an attribute to the element that was opened last. Once that element
// has content, the call does nothing.
func (w *Writer) Attr(name, value string) *Writer {
	if w.inStart {
		w.buf = append(append(append(w.buf, ' '), name...), '=', '"')
		w.buf = append(appendEscaped(w.buf, value), '"')
	}
	return w
}

// Value writes a primitive element. An empty value writes nothing, because FHIR
// has no empty values.
func (w *Writer) Value(name, value string) *Writer {
	if value == "" {
		return w
	}
	return w.OpenAttr(name, "value", value).Close()
}

// Raw embeds XML unchanged, such as a whole resource. The XML must declare its
// own namespaces, or use the FHIR namespace as its default.
func (w *Writer) Raw(xml []byte) *Writer {
	w.finishTag()
	w.buf = append(w.buf, xml...)
	return w
}

// Close ends the element that was opened last.
func (w *Writer) Close() *Writer {
	if len(w.open) == 0 {
		return w
	}
	last := len(w.open) - 1
	if w.inStart {
		w.buf = append(w.buf, '/', '>')
		w.inStart = false
	} else {
		w.buf = append(append(append(w.buf, '<', '/'), w.open[last]...), '>')
	}
	w.open = w.open[:last]
	return w
}

// Bytes closes all open elements and returns the resource.
func (w *Writer) Bytes() []byte {
	for len(w.open) > 0 {
		w.Close()
	}
	return w.buf
}

func (w *Writer) finishTag() {
	if w.inStart {
		w.buf = append(w.buf, '>')
		w.inStart = false
	}
}

// appendEscaped appends s as the text of an attribute in double quotes. Tabs
// and line ends become references, because a reader would turn them into
// blanks. Characters that XML cannot hold become U+FFFD.
func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf {
			i++
			switch c {
			case '<':
				dst = append(dst, "&lt;"...)
			case '&':
				dst = append(dst, "&amp;"...)
			case '"':
				dst = append(dst, "&quot;"...)
			case '>':
				dst = append(dst, "&gt;"...)
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == '\t':
			dst = append(dst, "&#9;"...)
		case r == '\n':
			dst = append(dst, "&#10;"...)
		case r == '\r':
			dst = append(dst, "&#13;"...)
		case !isChar(r):
			dst = append(dst, "\ufffd"...)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// escapedLength is an upper bound of the length that appendEscaped appends.
func escapedLength(s string) int {
	n := len(s)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '<' || c == '>' || c == '&' || c == '"' {
			n += len("&quot;") - 1
		}
	}
	return n
}

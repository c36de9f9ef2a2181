package fhir

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxJSONDepth is larger than maxDepth because JSON has arrays where XML has none.
const maxJSONDepth = 2 * maxDepth

// jsonValue is one value or one member's name, in a flat table in document
// order, like record for XML.
type jsonValue struct {
	start uint32
	next  uint32 // index after the last value inside this one
}

// jsonTable is well-formed JSON that was read.
type jsonTable struct {
	src    []byte
	values []jsonValue
}

// scanJSON reads one JSON text. Its error is a *SyntaxError: not JSON, a member
// twice, not UTF-8, too deep, or text after the end.
func scanJSON(src []byte) (*jsonTable, error) {
	t := &jsonTable{src: src}
	if uint64(len(src)) > math.MaxUint32 {
		return nil, t.failed("fhir-size", "more than 4 GiB", 0)
	}
	t.values = make([]jsonValue, 0, len(src)/16+8)
	d := jsontext.NewDecoder(bytes.NewBuffer(src))
	var open []uint32
	for {
		switch kind := d.PeekKind(); kind {
		case '}', ']':
			if _, err := d.ReadToken(); err != nil {
				return nil, t.wrap(err)
			}
			last := len(open) - 1
			t.values[open[last]].next = uint32(len(t.values))
			open = open[:last]
		case '{', '[':
			if len(open) == maxJSONDepth {
				return nil, t.failed("fhir-depth", "values are nested more than 128 levels deep", int(d.InputOffset()))
			}
			if _, err := d.ReadToken(); err != nil {
				return nil, t.wrap(err)
			}
			open = append(open, uint32(len(t.values)))
			t.add(int(d.InputOffset()) - 1)
		default:
			value, err := d.ReadValue()
			if err != nil {
				return nil, t.wrap(err)
			}
			t.add(int(d.InputOffset()) - len(value))
		}
		if len(t.values) > maxElements {
			return nil, t.failed("fhir-size", fmt.Sprintf("a JSON text has more than %d values and names", maxElements), int(d.InputOffset()))
		}
		if len(open) == 0 {
			return t, t.end(int(d.InputOffset()))
		}
	}
}

// end accepts only white space after the value.
func (t *jsonTable) end(offset int) error {
	for ; offset < len(t.src); offset++ {
		if !isSpace(t.src[offset]) {
			return t.failed("json-syntax", "there is more text after the end of the JSON value", offset)
		}
	}
	return nil
}

// add appends to the table.
func (t *jsonTable) add(start int) {
	if len(t.values) == cap(t.values) {
		grown := make([]jsonValue, len(t.values), len(t.values)+t.possible(t.src[start:]))
		copy(grown, t.values)
		t.values = grown
	}
	t.values = append(t.values, jsonValue{uint32(start), uint32(len(t.values) + 1)})
}

// possible estimates how many values may follow: one after each comma, colon
// and opening bracket, but at most one in two bytes. Brackets in strings can
// make the estimate too low, so it is at least a quarter of the table.
func (t *jsonTable) possible(rest []byte) int {
	count := 2
	for _, mark := range []string{",", ":", "[", "{"} {
		count += bytes.Count(rest, []byte(mark))
	}
	for _, empty := range []string{"[]", "{}"} {
		count -= bytes.Count(rest, []byte(empty))
	}
	return max(min(count, len(rest)/2+2), len(t.values)/4)
}

func (t *jsonTable) wrap(err error) error {
	offset := len(t.src)
	if syntactic := (*jsontext.SyntacticError)(nil); errors.As(err, &syntactic) {
		offset = int(syntactic.ByteOffset)
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return t.failed("json-duplicate-member", "a member occurs twice in one object", offset)
	case !utf8.Valid(t.src):
		return t.failed("json-utf8", "bytes that are not UTF-8", offset)
	}
	return t.failed("json-syntax", "the text is not JSON", offset)
}

func (t *jsonTable) failed(rule, text string, offset int) error {
	line, column := position(t.src, offset)
	return &SyntaxError{Rule: rule, Text: text, Line: line, Column: column}
}

// kind returns the first byte of a value: { [ " t f n - or a digit.
func (t *jsonTable) kind(i uint32) byte { return t.src[t.values[i].start] }

// raw returns a scalar as written.
func (t *jsonTable) raw(i uint32) []byte {
	rest := t.src[t.values[i].start:]
	end := 0
	if rest[0] == '"' {
		for end = 1; rest[end] != '"'; end++ {
			if rest[end] == '\\' {
				end++
			}
		}
		return rest[:end+1]
	}
	for end < len(rest) && !isSpace(rest[end]) && rest[end] != ',' && rest[end] != ']' && rest[end] != '}' {
		end++
	}
	return rest[:end]
}

// text returns the unquoted content of a string.
func (t *jsonTable) text(i uint32) []byte {
	raw := t.raw(i)
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	out, err := jsontext.AppendUnquote(make([]byte, 0, len(raw)), raw)
	if err != nil {
		return nil // cannot happen: the scanner has read this string
	}
	return out
}

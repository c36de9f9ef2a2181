package spine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/refuse"
)

// decoders keeps JSON decoders with their buffers, because each request needs two.
var decoders = sync.Pool{New: func() any { return &decoder{json: jsontext.NewDecoder(new(bytes.Reader))} }}

type decoder struct {
	json  *jsontext.Decoder
	input bytes.Reader
}

// readObject reads one JSON object and calls member for each member. It refuses
// everything that other readers may read differently: a repeated member
// (however its name is escaped), text that is not UTF-8, and anything after the
// object. part names the text in refusals: "header" or "payload".
func readObject(part string, data []byte, member func(name []byte, value jsontext.Value) *refuse.Refusal) *refuse.Refusal {
	if !utf8.Valid(data) {
		return refuse.TokenInvalid("the " + part + " of the JWT is not UTF-8")
	}
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.input.Reset(data)
	d.json.Reset(&d.input)
	start, err := d.json.ReadToken()
	if err != nil {
		return badJSON(part, err)
	}
	if kind := start.Kind(); kind != '{' {
		return refuse.TokenInvalid("the " + part + " of the JWT must be a JSON object, received " + kindName(kind))
	}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return badJSON(part, err)
		}
		if name, err = unquote(name); err != nil {
			return badJSON(part, err)
		}
		// The next read may overwrite the name.
		var space [64]byte
		name = append(space[:0], name...)
		value, err := d.json.ReadValue()
		if err != nil {
			return badJSON(part, err)
		}
		if refusal := member(name, value); refusal != nil {
			return refusal
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return badJSON(part, err)
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return refuse.TokenInvalid("the " + part + " of the JWT has text after its JSON object")
	}
	return nil
}

// badJSON says where the JSON becomes invalid, without repeating any of it.
func badJSON(part string, err error) *refuse.Refusal {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return refuse.TokenInvalid("the " + part + " of the JWT has the member " + refuse.Show(syntax.JSONPointer.LastToken()) + " twice")
	case errors.As(err, &syntax):
		return refuse.TokenInvalid(fmt.Sprintf("the %s of the JWT is not JSON: it goes wrong at byte %d", part, syntax.ByteOffset))
	default:
		return refuse.TokenInvalid("the " + part + " of the JWT is not JSON: it ends too soon")
	}
}

// unquote returns the text of a JSON string. If nothing is escaped, the result
// is a part of the string itself.
func unquote(value jsontext.Value) ([]byte, error) {
	if len(value) >= 2 && bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], nil
	}
	return jsontext.AppendUnquote(nil, value)
}

// kindName returns the name of a JSON type for people.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	case '{':
		return "an object"
	default:
		return "no JSON"
	}
}

// arrayItems iterates over the items of a JSON array that is known to be valid.
func arrayItems(value jsontext.Value) iter.Seq[jsontext.Value] {
	return func(yield func(jsontext.Value) bool) {
		d := jsontext.NewDecoder(bytes.NewReader(value))
		if _, err := d.ReadToken(); err != nil {
			return
		}
		for d.PeekKind() != ']' {
			item, err := d.ReadValue()
			if err != nil || !yield(item) {
				return
			}
		}
	}
}

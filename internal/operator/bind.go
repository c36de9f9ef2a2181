package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// binding says where the fields of a request travel: in the path, in the query
// (tags of these names), or in the body (tag body). A request without any of these
// tags is the body itself; one without fields has none.
type binding struct {
	request     reflect.Type
	path, query []parameter
	body        []int // index of the field, empty for the whole request
	hasBody     bool
}

// parameter is a field that travels as text: of a kind of string, or an int.
type parameter struct {
	name  string
	field reflect.StructField
}

func bindingOf(t reflect.Type) binding {
	b := binding{request: t}
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if name, ok := f.Tag.Lookup("path"); ok {
				b.path = append(b.path, parameter{name, f})
			}
			if name, ok := f.Tag.Lookup("query"); ok {
				b.query = append(b.query, parameter{name, f})
			}
			if _, ok := f.Tag.Lookup("body"); ok {
				b.body, b.hasBody = f.Index, true
			}
		}
	}
	if len(b.path)+len(b.query) == 0 && !b.hasBody {
		b.hasBody = t != reflect.TypeFor[None]()
	}
	return b
}

// bodyType is the type of what the body holds.
func (b *binding) bodyType() reflect.Type {
	if len(b.body) == 0 {
		return b.request
	}
	return b.request.FieldByIndex(b.body).Type
}

// read fills a request, to which into points, from HTTP.
func (b *binding) read(w http.ResponseWriter, r *http.Request, into any) error {
	v := reflect.ValueOf(into).Elem()
	for _, p := range b.path {
		if err := p.set(v, r.PathValue(p.name)); err != nil {
			return err
		}
	}
	if err := b.readQuery(v, r.URL.RawQuery); err != nil || !b.hasBody {
		return err
	}
	return readBody(http.MaxBytesReader(w, r.Body, maxRequest), b.at(v).Addr().Interface())
}

// at is the part of a request that the body holds.
func (b *binding) at(v reflect.Value) reflect.Value {
	if len(b.body) == 0 {
		return v
	}
	return v.FieldByIndex(b.body)
}

func (b *binding) readQuery(v reflect.Value, raw string) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return invalid("", "the query of the URL cannot be read")
	}
	for name, given := range values {
		i := slices.IndexFunc(b.query, func(p parameter) bool { return p.name == name })
		if i < 0 {
			return invalid(name, "there is no parameter %q", name)
		}
		if len(given) > 1 {
			return invalid(name, "%s: expected it once", name)
		}
		if err := b.query[i].set(v, given[0]); err != nil {
			return err
		}
	}
	return nil
}

func (p parameter) set(request reflect.Value, text string) error {
	v := request.FieldByIndex(p.field.Index)
	if v.Kind() == reflect.String {
		v.SetString(text)
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return expected(p.name, "a whole number", "another text")
	}
	v.SetInt(int64(n))
	return nil
}

// readBody decodes a request's body; a member that nobody knows is refused: a slip
// of the pen would search for something else, or give a right, unnoticed.
func readBody(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return wrongBody(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return invalid("", "the body has something behind its end")
	}
	return nil
}

func wrongBody(err error) *Error {
	out := invalid("", "the body cannot be read: %s", err)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		out.Field, out.Expected, out.Received = kind.Field, kind.Type.String(), kind.Value
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		out.Field = strings.Trim(field, `"`)
	}
	return out
}

// write makes an HTTP request of what request points to. base is the address of
// the service.
func (s *spec) write(ctx context.Context, base string, request any) (*http.Request, error) {
	v := reflect.ValueOf(request).Elem()
	path := s.path
	for _, p := range s.binding.path {
		path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(p.text(v)))
	}
	query := url.Values{}
	for _, p := range s.binding.query {
		if !v.FieldByIndex(p.field.Index).IsZero() {
			query.Set(p.name, p.text(v))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var body bytes.Buffer
	if s.binding.hasBody {
		if err := json.NewEncoder(&body).Encode(s.binding.at(v).Interface()); err != nil {
			return nil, err
		}
	}
	return http.NewRequestWithContext(ctx, s.method, strings.TrimSuffix(base, "/")+Prefix+path, &body)
}

func (p parameter) text(request reflect.Value) string {
	return fmt.Sprint(request.FieldByIndex(p.field.Index).Interface())
}

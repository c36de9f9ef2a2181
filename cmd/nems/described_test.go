package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"nems/internal/operator"
)

// described compares the requests and answers of an HTTP client with the
// description of the API.
type described struct {
	t    *testing.T
	next http.RoundTripper
	api  struct {
		Paths map[string]map[string]struct {
			RequestBody struct{ Content map[string]media }
			Responses   map[string]struct {
				Ref     string `json:"$ref"`
				Content map[string]media
			}
		}
		Components struct{ Schemas map[string]*jsonschema.Schema }
	}
}

type media struct{ Schema *jsonschema.Schema }

func newDescribed(t *testing.T, next http.RoundTripper) *described {
	t.Helper()
	d := &described{t: t, next: next}
	// Schemas that are used alone refer to their own definitions.
	text := strings.ReplaceAll(string(operator.OpenAPI()), "#/components/schemas/", "#/$defs/")
	if err := json.Unmarshal([]byte(text), &d.api); err != nil {
		t.Fatal(err)
	}
	return d
}

// RoundTrip checks the bodies of a request that succeeds and of its answer.
func (d *described) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := []byte{}
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	answer, err := d.next.RoundTrip(r)
	if err != nil {
		return answer, err
	}
	got, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(got))
	path := d.path(r.URL.Path)
	o, there := d.api.Paths[path][strings.ToLower(r.Method)]
	switch {
	case !there:
		d.t.Errorf("%s %s is not described", r.Method, r.URL.Path)
	case answer.StatusCode == http.StatusOK:
		d.fits(path+" answers", o.Responses["200"].Content["application/json"].Schema, got)
		if o.RequestBody.Content != nil {
			d.fits(path+" is sent", o.RequestBody.Content["application/json"].Schema, sent)
		}
	case answer.StatusCode != http.StatusNoContent:
		d.fits(path+" refuses", d.api.Components.Schemas["Problem"], got)
	}
	return answer, err
}

// path returns the described path that a request's path matches.
func (d *described) path(given string) string {
	if _, plain := d.api.Paths[given]; plain {
		return given
	}
	parts := strings.Split(given, "/")
	for path := range d.api.Paths {
		named := strings.Split(path, "/")
		fits := len(named) == len(parts)
		for i := 0; fits && i < len(parts); i++ {
			fits = named[i] == parts[i] || strings.HasPrefix(named[i], "{")
		}
		if fits {
			return path
		}
	}
	return given
}

func (d *described) fits(what string, schema *jsonschema.Schema, text []byte) {
	d.t.Helper()
	if schema == nil {
		d.t.Errorf("%s what is not described", what)
		return
	}
	whole := schema.CloneSchemas()
	whole.Defs = map[string]*jsonschema.Schema{}
	for name, s := range d.api.Components.Schemas {
		whole.Defs[name] = s.CloneSchemas()
		if s.Properties != nil && s.AdditionalProperties == nil {
			whole.Defs[name].AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}} // nothing that is not described
		}
	}
	resolved, err := whole.Resolve(nil)
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		d.t.Errorf("%s: %v", what, err)
	} else if err := resolved.Validate(value); err != nil {
		d.t.Errorf("%s something else than described: %v\n%s", what, err, text)
	}
}

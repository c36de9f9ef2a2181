package operator

import (
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"nems/internal/catalogue"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/subscription"
)

// schemas are the JSON schemas of what travels: structs have names in the
// document, and others refer to them.
type schemas struct {
	named map[string]*jsonschema.Schema
	// known are the types whose schemas do not follow from their fields, and
	// references to those in named.
	known map[reflect.Type]*jsonschema.Schema
}

func newSchemas() *schemas {
	return &schemas{named: map[string]*jsonschema.Schema{}, known: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Time]():            {Type: "string", Format: "date-time"},
		reflect.TypeFor[spine.Keys]():           {Type: "object", Description: "public keys: a JWK set"},
		reflect.TypeFor[Code]():                 oneOf(Invalid, Unauthenticated, Forbidden, NotFound, Conflict, TooMany, Busy, UnknownOutcome, Internal),
		reflect.TypeFor[Move]():                 oneOf(Retry, Park, Resend),
		reflect.TypeFor[store.State]():          oneOf(store.DeliveryStates...),
		reflect.TypeFor[subscription.Status]():  oneOf(subscription.Requested, subscription.Active, subscription.Off),
		reflect.TypeFor[catalogue.State]():      oneOf(catalogue.Current, catalogue.Deprecated, catalogue.NoLongerSupported, catalogue.Withdrawn),
		reflect.TypeFor[catalogue.Publishers](): oneOf(catalogue.Anyone, catalogue.SpineOnly),
	}}
}

// oneOf is the schema of a closed set.
func oneOf[T ~string](values ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

// of is the schema of a type.
func (s *schemas) of(t reflect.Type) *jsonschema.Schema {
	part := t
	for part.Kind() == reflect.Pointer || part.Kind() == reflect.Slice {
		part = part.Elem()
	}
	if part.Kind() == reflect.Struct {
		s.enter(part)
	}
	return s.made(t)
}

func (s *schemas) made(t reflect.Type) *jsonschema.Schema {
	schema, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: s.known})
	if err != nil {
		panic(fmt.Sprintf("%s cannot travel as JSON: %v", t, err)) // the table alone decides: a test makes it
	}
	return present(schema)
}

// enter names a struct in the document, after those that it is made of.
func (s *schemas) enter(t reflect.Type) {
	if _, known := s.known[t]; known {
		return
	}
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			s.of(f.Type)
		}
	}
	name := schemaName(t)
	if _, taken := s.named[name]; taken { // by a type of another package
		name = schemaName(t, path.Base(t.PkgPath()))
	}
	s.named[name] = s.made(t)
	s.known[t] = &jsonschema.Schema{Ref: "#/components/schemas/" + name}
}

// schemaName is a struct's name, behind that of its package where that is given; the
// name of a page says of what.
func schemaName(t reflect.Type, within ...string) string {
	name, of, generic := strings.Cut(t.Name(), "[")
	if !generic {
		var out string
		for _, word := range append(within, name) {
			out += strings.ToUpper(word[:1]) + word[1:]
		}
		return out
	}
	return strings.TrimPrefix(path.Ext(strings.TrimSuffix(of, "]")), ".") + name
}

// present makes of a schema that Go's types give what the API means: lists are
// never null, and answers may get more members in time.
func present(s *jsonschema.Schema) *jsonschema.Schema {
	if len(s.Types) == 2 && s.Types[0] == "null" {
		s.Type, s.Types = s.Types[1], nil
	}
	s.AdditionalProperties = nil
	if s.Items != nil {
		present(s.Items)
	}
	for _, p := range s.Properties {
		present(p)
	}
	return s
}

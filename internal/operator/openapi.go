package operator

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// OpenAPI describes the verbs over HTTP: an OpenAPI 3.1 document, as JSON.
var OpenAPI = sync.OnceValue(func() []byte {
	text, err := json.MarshalIndent(describe(), "", "  ")
	if err != nil {
		panic(err) // the table alone decides: a test makes it
	}
	return append(text, '\n')
})

// object is a JSON object of the document.
type object = map[string]any

const aboutAPI = `What the operators of a NEMS can do, on its operations listener. Lists come in pages: follow next with the parameter after until a page has no
next. A page may be shorter than its limit, or empty, before the end. A member of a request that is not described is refused.`

// describe makes the document of the table.
func describe() object {
	types := newSchemas()
	paths := map[string]object{}
	for _, v := range verbs {
		s := v.about()
		path := Prefix + s.path
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(s.method)] = s.operation(types)
	}
	refusal := object{"description": "It was not done; code says why.", "content": object{problemMedia: object{"schema": types.of(reflect.TypeFor[problem]())}}}
	return object{
		"openapi": "3.1.0",
		"info":    object{"title": "NEMS for operators", "version": "1", "description": aboutAPI},
		"paths":   paths,
		"components": object{
			"schemas":   types.named,
			"responses": object{"Refusal": refusal},
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer", "description": "The operator token of the service."},
				"session": object{"type": "apiKey", "in": "cookie", "name": "__Host-nems", "description": "A session of the console (nems without TLS). All but GET also needs the header Nems-Form-Token, with what the session's pages have in it."},
			},
		},
		"security": []object{{"token": []string{}}, {"session": []string{}}},
	}
}

// operation describes one verb.
func (s *spec) operation(types *schemas) object {
	tag, _, _ := strings.Cut(s.path, "/")
	answers := object{"default": object{"$ref": "#/components/responses/Refusal"}}
	if s.answer == reflect.TypeFor[None]() {
		answers[strconv.Itoa(http.StatusNoContent)] = object{"description": "Done."}
	} else {
		answers[strconv.Itoa(http.StatusOK)] = object{"description": "Done.", "content": content(types.of(s.answer))}
	}
	out := object{"operationId": s.name, "summary": s.summary, "tags": []string{tag}, "x-nems-role": s.role, "responses": answers}
	var parameters []object
	for _, p := range s.binding.path {
		parameters = append(parameters, p.describe(types, "path"))
	}
	for _, p := range s.binding.query {
		parameters = append(parameters, p.describe(types, "query"))
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	if s.binding.hasBody {
		out["requestBody"] = object{"required": true, "content": content(types.of(s.binding.bodyType()))}
	}
	return out
}

func content(schema any) object { return object{"application/json": object{"schema": schema}} }

func (p parameter) describe(types *schemas, in string) object {
	out := object{"name": p.name, "in": in, "schema": types.of(p.field.Type)}
	if in == "path" {
		out["required"] = true
	}
	if about := p.field.Tag.Get("jsonschema"); about != "" {
		out["description"] = about
	}
	return out
}

package r4

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/refuse"
)

// input are the parameters of an operation: those of a URL, or of a Parameters
// resource.
type input struct {
	url.Values
	names []string
}

// input reads the parameters of an operation that has these. repeats are those that
// may be there more than once.
func (x *exchange) input(repeats string, names ...string) (input, error) {
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return input{}, refuse.BadRequest("the parameters cannot be read")
	}
	delete(values, "_format")
	if x.r.Method == http.MethodPost && x.r.ContentLength != 0 {
		body, err := x.body()
		if err != nil {
			return input{}, err
		}
		if refusal := readParameters(body, values); refusal != nil {
			return input{}, refusal
		}
	}
	for name, given := range values {
		switch {
		case !slices.Contains(names, name):
			return input{}, refuse.BadRequest("expected the parameters " + strings.Join(names, ", ") + " or none; received " + refuse.Show(name))
		case len(given) > 1 && !strings.Contains(repeats, name):
			return input{}, refuse.BadRequest(name + ": expected it at most once; received it " + strconv.Itoa(len(given)) + " times")
		}
	}
	return input{values, names}, nil
}

// readParameters reads a Parameters resource into values.
func readParameters(body []byte, values url.Values) *refuse.Refusal {
	var v any
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return refuse.MessageNotWellFormed("expected Parameters in JSON; received a body that is not JSON, or has a name twice")
	}
	r := &reader{}
	o := r.object("Parameters", v, "resourceType", "id", "meta", "implicitRules", "language", "parameter")
	if o["resourceType"] != "Parameters" {
		r.wrong("Parameters", "structure", "a resource with resourceType Parameters", received(o["resourceType"]))
	}
	for i, item := range r.list("Parameters.parameter", o["parameter"], 1000) {
		at := fmt.Sprintf("Parameters.parameter[%d]", i)
		p, _ := item.(object)
		name := r.needed(at+".name", p["name"], 64, "a name")
		var given []any
		for member, value := range p {
			if strings.HasPrefix(member, "value") {
				given = append(given, value)
			}
		}
		if len(given) != 1 {
			r.wrong(at+".value", "required", "one value", strconv.Itoa(len(given)))
			continue
		}
		values.Add(name, r.text(at+".value", given[0], 128))
	}
	if len(r.issues) > 0 {
		return refuse.InvalidResource(r.issues...)
	}
	return nil
}

// number reads a number of an event; otherwise where there is none.
func (in input) number(name string, otherwise uint64) (uint64, *refuse.Refusal) {
	text := in.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, refuse.BadRequest(name + ": expected the number of an event in digits; received " + refuse.Show(text))
	}
	return n, nil
}

// instant reads a moment; zero where there is none.
func (in input) instant(name string) (time.Time, *refuse.Refusal) {
	text := in.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, refuse.BadRequest(name + ": expected an instant with a time zone, such as 2030-01-31T00:00:00Z; received " + refuse.Show(text))
	}
	return t, nil
}

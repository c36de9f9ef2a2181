package api

import (
	"net/url"

	"nems/internal/refuse"
	"nems/internal/spine"
)

// Names of the parameters for the form of an answer (STU3, http.html, "General
// Parameters"). Every request may have them. A blank one counts as absent.
const (
	inFormat  = "_format"
	asPretty  = "_pretty"
	asSummary = "_summary"
)

// view is the form in which the caller wants to see the answer.
type view struct {
	format  string // "" means that the Accept header decides
	pretty  bool
	summary summary
}

// readView removes the parameters of a view from all parameters. With a refusal
// it also returns what could be read, so that the refusal is answered in the
// requested form.
func readView(values url.Values) (v view, refusal *refuse.Refusal) {
	for _, name := range []string{inFormat, asPretty, asSummary} {
		all := values[name]
		delete(values, name)
		if len(all) == 0 || all[0] == "" {
			continue
		}
		expected := ""
		switch name {
		case inFormat:
			v.format = all[0]
		case asPretty:
			if v.pretty = all[0] == "true"; !v.pretty && all[0] != "false" {
				expected = "true or false"
			}
		case asSummary:
			var known bool
			if v.summary, known = summaries[all[0]]; !known {
				expected = "true, text, data, count or false"
			}
		}
		switch {
		case len(all) > 1:
			refusal = refuse.BadRequest(name + ": expected the parameter at most once; received it more than once")
		case expected != "":
			refusal = refuse.BadRequest(name + ": expected " + expected + "; received another value")
		}
	}
	return v, refusal
}

// write adds the parameters of the view to those of a link.
func (v view) write(values url.Values) {
	if v.format != "" {
		values.Set(inFormat, v.format)
	}
	if v.pretty {
		values.Set(asPretty, "true")
	}
	if v.summary != whole && v.summary != countOnly {
		values.Set(asSummary, string(v.summary))
	}
}

// over combines the view of a form with that of the URL. The form's takes precedence.
func (v view) over(url view) view {
	if v.format == "" {
		v.format = url.format
	}
	if v.summary == whole {
		v.summary = url.summary
	}
	v.pretty = v.pretty || url.pretty
	return v
}

// look reads the view from the URL, and a media type for the answer in case no
// endpoint is found that would choose one. Errors in the view are answered once
// the caller is known.
func (x *exchange) look() {
	values, err := url.ParseQuery(x.r.URL.RawQuery) // contains the pairs that could be read
	x.view, x.viewWrong = readView(values)
	x.queried = err != nil || len(values) > 0
	x.media, _ = spine.Negotiate(x.r.Header, x.view.format, spine.EndpointRead)
}

// lookAgain reads the view from a form and removes its parameters from the
// form.
func (x *exchange) lookAgain(form url.Values) *refuse.Refusal {
	v, refusal := readView(form)
	if x.view = v.over(x.view); refusal != nil {
		return refusal
	}
	x.media, refusal = spine.Negotiate(x.r.Header, x.view.format, x.route.endpoint)
	return refusal
}

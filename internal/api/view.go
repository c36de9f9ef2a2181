package api

import (
	"net/url"

	"nems/internal/refuse"
	"nems/internal/spine"
)

// Names of the parameters that say how an answer is to look (STU3, http.html,
// "General Parameters"). They may come with every request; a blank one counts
// as absent.
const (
	inFormat  = "_format"
	asPretty  = "_pretty"
	asSummary = "_summary"
)

// view is how the caller wants to see the answer.
type view struct {
	format  string // "" leaves it to the Accept header
	pretty  bool
	summary summary
}

// readView takes the parameters of a view out of all the parameters. A refusal
// comes with what could be read, so that it is itself answered as was asked.
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

// over lays a view that a form asks for over that of the URL.
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

// look reads the view that the URL asks for, and the media type of the answer as
// long as no endpoint has been found that would have its own. What is wrong with
// the view is answered once the caller is known.
func (x *exchange) look() {
	values, err := url.ParseQuery(x.r.URL.RawQuery) // with the pairs that can be read
	x.view, x.viewWrong = readView(values)
	x.queried = err != nil || len(values) > 0
	x.media, _ = spine.Negotiate(x.r.Header, x.view.format, spine.EndpointRead)
}

// lookAgain reads the view that a form asks for and takes its parameters out of
// the form.
func (x *exchange) lookAgain(form url.Values) *refuse.Refusal {
	v, refusal := readView(form)
	if x.view = v.over(x.view); refusal != nil {
		return refusal
	}
	x.media, refusal = spine.Negotiate(x.r.Header, x.view.format, x.route.endpoint)
	return refusal
}

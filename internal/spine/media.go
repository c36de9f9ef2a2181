package spine

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"nems/internal/access"
	"nems/internal/refuse"
)

// bare are the media types without parameters. The pages list each with and
// without charset=utf-8, which makes eight forms; publishing has the four of
// XML.
var bare = map[string]access.Format{
	"application/fhir+xml":  access.XML,
	"application/xml+fhir":  access.XML,
	"application/fhir+json": access.JSON,
	"application/json+fhir": access.JSON,
}

const (
	allForms = "application/fhir+xml, application/fhir+json, application/xml+fhir or application/json+fhir, with or without charset=utf-8"
	xmlForms = "application/fhir+xml or application/xml+fhir, with or without charset=utf-8"
)

// ContentType reads the Content-Type header of a request. Parameters other than
// charset are ignored, and blanks and capitals do not matter. For an endpoint
// whose requests have no body there is nothing to check.
func ContentType(h http.Header, e Endpoint) (access.Media, *refuse.Refusal) {
	values := h["Content-Type"]
	if !e.hasBody() || len(values) == 0 || len(values) == 1 && strings.TrimSpace(values[0]) == "" {
		return access.DefaultMedia, nil
	}
	if len(values) > 1 {
		return access.DefaultMedia, unsupported("Content-Type", e, "the header "+strconv.Itoa(len(values))+" times")
	}
	media, ok := parseMedia(values[0], e)
	if !ok {
		return access.DefaultMedia, unsupported("Content-Type", e, refuse.Show(values[0]))
	}
	return media, nil
}

// Negotiate chooses the format of the answer by format, the parameter _format,
// or if that is "" by the Accept header. _format replaces an Accept header that
// a client cannot set (STU3, http.html). In the Accept header the highest
// quality wins, then a named type before a wildcard, then the first. With a
// refusal it returns DefaultMedia, which is the format of the refusal itself.
func Negotiate(h http.Header, format string, e Endpoint) (access.Media, *refuse.Refusal) {
	if format != "" {
		return named(format, e)
	}
	return accepted(h, e)
}

// short are the other values of _format (STU3, http.html). They are all
// answered in the formal media types.
var short = map[string]string{
	"xml": formalXML, "text/xml": formalXML, "application/xml": formalXML,
	"json": formalJSON, "application/json": formalJSON,
}

const (
	formalXML  = "application/fhir+xml;charset=utf-8"
	formalJSON = "application/fhir+json;charset=utf-8"
)

// named reads a _format. A plus that was not encoded has become a blank.
func named(format string, e Endpoint) (access.Media, *refuse.Refusal) {
	name, parameters, _ := strings.Cut(format, ";")
	name = strings.ReplaceAll(strings.TrimSpace(name), " ", "+")
	full, isShort := short[strings.ToLower(name)]
	if !isShort {
		if full = name; parameters != "" {
			full += ";" + parameters
		}
	}
	media, ok := parseMedia(full, e)
	if !ok {
		return access.DefaultMedia, refuse.UnsupportedMediaType("_format: expected xml, json, " + e.forms() + "; received " + refuse.Show(format))
	}
	return media, nil
}

// accepted reads the Accept header.
func accepted(h http.Header, e Endpoint) (access.Media, *refuse.Refusal) {
	best, bestQuality, named := access.DefaultMedia, 0, false
	empty := true
	for _, value := range h["Accept"] {
		for value != "" {
			var part string
			part, value = cutListed(value)
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			empty = false
			media, quality, exact, ok := parseRange(part, e)
			if ok && (quality > bestQuality || quality == bestQuality && quality > 0 && exact && !named) {
				best, bestQuality, named = media, quality, exact
			}
		}
	}
	if empty || bestQuality > 0 || e.ownForm() {
		return best, nil
	}
	return access.DefaultMedia, unsupported("Accept", e, refuse.Show(strings.Join(h["Accept"], ", ")))
}

func unsupported(header string, e Endpoint, received string) *refuse.Refusal {
	return refuse.UnsupportedMediaType(header + " HTTP Header: expected " + e.forms() + ", received " + received)
}

// forms returns the media types of an endpoint, for people.
func (e Endpoint) forms() string {
	if e == EndpointPublish {
		return xmlForms
	}
	return allForms
}

// cutListed cuts a comma-separated list at the first comma outside quotes.
func cutListed(s string) (first, rest string) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// parseRange reads one element of an Accept header. quality is in thousandths;
// exact is true for a named media type and false for a wildcard.
func parseRange(s string, e Endpoint) (media access.Media, quality int, exact, ok bool) {
	if media, ok = parseMedia(s, e); ok && !strings.Contains(s, "q=") && !strings.Contains(s, "Q=") {
		return media, 1000, true, true
	}
	name, params, err := mime.ParseMediaType(s)
	if err != nil {
		return access.Media{}, 0, false, false
	}
	quality = 1000
	if q, given := params["q"]; given {
		value, err := strconv.ParseFloat(q, 64)
		if err != nil || !(value >= 0 && value <= 1) {
			return access.Media{}, 0, false, false
		}
		quality = int(value * 1000)
	}
	if name == "*/*" || name == "application/*" {
		return access.DefaultMedia, quality, false, true
	}
	return media, quality, true, ok
}

// parseMedia reads one media type. It returns the form that was asked for.
func parseMedia(s string, e Endpoint) (access.Media, bool) {
	format, ok := bare[s]
	if ok {
		return access.Media{Format: format, Type: s}, format == access.XML || e != EndpointPublish
	}
	name, params, err := mime.ParseMediaType(s)
	if err != nil {
		return access.Media{}, false
	}
	if format, ok = bare[name]; !ok || format == access.JSON && e == EndpointPublish {
		return access.Media{}, false
	}
	charset, given := params["charset"]
	if !given {
		return access.Media{Format: format, Type: name}, true
	}
	return access.Media{Format: format, Type: name + ";charset=utf-8"}, strings.EqualFold(charset, "utf-8")
}

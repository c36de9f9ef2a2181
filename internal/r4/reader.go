package r4

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"nems/internal/refuse"
)

type object = map[string]any

// reader collects what is wrong with a resource, and goes on with zero values.
type reader struct{ issues []refuse.Issue }

// mostIssues is how many are reported of one resource.
const mostIssues = 50

// wrong reports an element: what was expected of it, and what was received.
func (r *reader) wrong(at, kind, expected, received string) {
	if len(r.issues) < mostIssues {
		r.issues = append(r.issues, refuse.ResourceIssue("", kind, at+": expected "+expected+"; received "+received, at, ""))
	}
}

func (r *reader) missing(at, expected string) { r.wrong(at, "required", expected, "none") }

// received describes a value, which may be anybody's data.
func received(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return refuse.Show(v)
	case float64:
		return refuse.Show(strconv.FormatFloat(v, 'g', -1, 64))
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "a list"
	}
	return "an object"
}

// object reads an object that has no other members than these. A primitive's
// member may have one beside it whose name has an underscore before it.
func (r *reader) object(at string, v any, allowed ...string) object {
	o, ok := v.(object)
	if !ok {
		r.wrong(at, "structure", "an object", received(v))
		return object{}
	}
	var unknown []string
	for name := range o {
		if !slices.Contains(allowed, strings.TrimPrefix(name, "_")) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		r.wrong(at, "structure", "no elements but "+strings.Join(allowed, ", "), "the element "+refuse.Show(name))
	}
	for _, name := range []string{"modifierExtension", "implicitRules"} {
		if o[name] != nil {
			r.wrong(at+"."+name, "not-supported", "none, because it changes the meaning of the resource", "one")
		}
	}
	return o
}

// list reads a list of at most so many items.
func (r *reader) list(at string, v any, most int) []any {
	if v == nil {
		return nil
	}
	items, ok := v.([]any)
	switch {
	case !ok:
		r.wrong(at, "structure", "a list", received(v))
		return nil
	case len(items) == 0 || len(items) > most:
		r.wrong(at, "structure", fmt.Sprintf("1 to %d items", most), strconv.Itoa(len(items)))
		return nil
	}
	return items
}

// text reads a text of at most so many bytes; "" if there is none.
func (r *reader) text(at string, v any, most int) string {
	if v == nil {
		return ""
	}
	s, ok := v.(string)
	switch {
	case !ok:
		r.wrong(at, "structure", "a text", received(v))
	case strings.TrimSpace(s) == "":
		r.wrong(at, "value", "a text that is not blank", "a blank one")
	case len(s) > most:
		r.wrong(at, "too-long", fmt.Sprintf("at most %d bytes", most), strconv.Itoa(len(s)))
	case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == utf8.RuneError }):
		r.wrong(at, "value", "a text without control characters", "one with them")
	default:
		return s
	}
	return ""
}

// needed reads a text that must be there.
func (r *reader) needed(at string, v any, most int, expected string) string {
	if v == nil {
		r.missing(at, expected)
		return ""
	}
	return r.text(at, v, most)
}

// integer reads a whole number within bounds; 0 if there is none.
func (r *reader) integer(at string, v any, least, most int) int {
	n, ok := v.(float64)
	if !ok || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
		r.wrong(at, "value", fmt.Sprintf("a whole number from %d to %d", least, most), received(v))
		return 0
	}
	return int(n)
}

// instant reads a moment with a time zone; zero if there is none.
func (r *reader) instant(at string, v any) time.Time {
	text := r.text(at, v, 40)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1 {
		r.wrong(at, "value", "an instant with a time zone, such as 2030-01-31T00:00:00Z", received(v))
		return time.Time{}
	}
	return t.UTC()
}

// extensions returns the values of an element's extensions with a URL. Others are
// left alone: FHIR lets a server ignore what it does not know.
func (r *reader) extensions(at string, element any, url, value string) (out []any) {
	o, _ := element.(object)
	for i, item := range r.list(at+".extension", o["extension"], mostIssues) {
		here := fmt.Sprintf("%s.extension[%d]", at, i)
		e, ok := item.(object)
		if !ok {
			r.wrong(here, "structure", "an object", received(item))
			continue
		}
		if e["url"] != url {
			continue
		}
		if e[value] == nil {
			r.missing(here+".value", value)
			continue
		}
		out = append(out, e[value])
	}
	return out
}

// extension is extensions for one that may be there once.
func (r *reader) extension(at string, element any, url, value string) any {
	found := r.extensions(at, element, url, value)
	switch len(found) {
	case 0:
		return nil
	case 1:
	default:
		r.wrong(at+".extension('"+url+"')", "structure", "it at most once", strconv.Itoa(len(found)))
	}
	return found[0]
}

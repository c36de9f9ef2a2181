package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"nems/internal/audit"
	"nems/internal/refuse"
	"nems/internal/spine"
)

// handler serves one endpoint to a caller who has passed the front door.
type handler func(x *exchange) error

// route is one line of the table of endpoints.
type route struct {
	method   string
	path     string       // {id} at its end stands for one segment
	action   audit.Action // "" where nobody is behind a request
	name     string       // in log and metrics, where it has no action
	endpoint spine.Endpoint
	handle   handler
	// open: everybody may ask, without a token.
	open bool
}

// resource is what a path leads to: the routes of all its methods.
type resource struct {
	path   []string // its segments; the last may be {id}
	routes []route
	allow  string // the Allow header
}

// table is the map of the API. It is not an http.ServeMux, since that answers
// paths with dots and double slashes with redirects; here every path is what
// it says.
type table []*resource

func newTable(routes []route) table {
	var t table
	for _, r := range routes {
		path, _ := segments(r.path)
		i := slices.IndexFunc(t, func(res *resource) bool { return slices.Equal(res.path, path) })
		if i < 0 {
			i, t = len(t), append(t, &resource{path: path})
		}
		t[i].add(r)
	}
	return t
}

// add takes a route up, and with GET the methods that come with it.
func (res *resource) add(r route) {
	res.routes = append(res.routes, r)
	var methods []string
	for _, r := range res.routes {
		switch r.method {
		case http.MethodOptions: // every path has it
		case http.MethodGet:
			methods = append(methods, http.MethodGet, http.MethodHead)
		default:
			methods = append(methods, r.method)
		}
	}
	slices.Sort(methods)
	res.allow = strings.Join(append(methods, http.MethodOptions), ", ")
}

// find returns what a path leads to, and the id in it. Under /STU3/ there is
// what FHIR may have and this service has not (NotImplemented); everything else
// is UnknownPath, so are paths with empty or dot segments.
func (t table) find(u *url.URL) (res *resource, id string, refusal *refuse.Refusal) {
	path, ok := segments(u.EscapedPath())
	if !ok {
		return nil, "", refuse.UnknownPath()
	}
	for _, res := range t {
		if id, fits := res.fits(path); fits {
			return res, id, nil
		}
	}
	if path[0] == "STU3" && len(path) > 1 {
		return nil, "", refuse.NotImplemented()
	}
	return nil, "", refuse.UnknownPath()
}

// segments takes an escaped path apart. It splits first and unescapes then: %2F
// is no slash. The one trailing slash that counts is that of the base.
func segments(path string) ([]string, bool) {
	if path == "/STU3/" {
		return []string{"STU3", ""}, true
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil || parts[i] == "" || parts[i] == "." || parts[i] == ".." {
			return nil, false
		}
	}
	return parts, true
}

// fits tells whether a path leads to the resource, and the id in it.
func (res *resource) fits(path []string) (id string, fits bool) {
	last := len(res.path) - 1
	if len(path) != len(res.path) || !slices.Equal(path[:last], res.path[:last]) {
		return "", false
	}
	if res.path[last] == "{id}" { // names with $ and _ are those of operations
		return path[last], !strings.ContainsAny(path[last][:1], "$_")
	}
	return "", path[last] == res.path[last]
}

// route returns the route of a method. HEAD is GET: the server leaves out the
// body of the answer.
func (res *resource) route(method string) (route, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	i := slices.IndexFunc(res.routes, func(r route) bool { return r.method == method })
	if i < 0 {
		return route{}, false
	}
	return res.routes[i], true
}

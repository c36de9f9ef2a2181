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

// handler serves one endpoint for a caller who was admitted.
type handler func(x *exchange) error

// route is one line of the table of endpoints.
type route struct {
	method   string
	path     string       // {id} stands for one segment
	action   audit.Action // "" if there is no caller to record
	name     string       // for log and metrics, if there is no action
	endpoint spine.Endpoint
	handle   handler
	// open routes need no token.
	open bool
}

// resource is what a path leads to: the routes of all its methods.
type resource struct {
	path   []string // its segments; one may be {id}
	routes []route
	allow  string // the value of the Allow header
}

// table is the map of the API. It is not an http.ServeMux, because that
// redirects paths with dots and double slashes. Here every path is taken
// literally.
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

// add adds a route, and the methods that GET implies.
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

// find returns the resource of a path, and the id in the path. A resource or
// operation of FHIR under /STU3/ that this service lacks is NotImplemented.
// Everything else is UnknownPath, including paths with empty or dot segments.
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

// segments splits an escaped path. It splits before it unescapes, so %2F is not
// a slash. A trailing slash is allowed only on the base.
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

// fits reports whether a path leads to the resource, and returns the id in it.
func (res *resource) fits(path []string) (id string, fits bool) {
	if len(path) != len(res.path) {
		return "", false
	}
	for i, segment := range res.path {
		switch {
		case segment == "{id}" && !strings.ContainsAny(path[i][:1], "$_"): // such names belong to operations
			id = path[i]
		case segment != path[i]:
			return "", false
		}
	}
	return id, true
}

// route returns the route of a method. HEAD is treated as GET; the server
// leaves out the body of the answer.
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

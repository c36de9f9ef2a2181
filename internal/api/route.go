package api

import (
	"net/http"
	"slices"
	"strings"

	"nems/internal/spine"
)

// handler serves one endpoint to a caller who has passed the front door.
type handler func(x *exchange) error

// route is one line of the table of endpoints.
type route struct {
	method   string
	path     string // {id} at its end stands for one segment
	action   string // as the audit and the metrics call it
	endpoint spine.Endpoint
	handle   handler
	// open: everybody may ask, without a token.
	open bool
}

// resource is what a path leads to: the routes of all its methods.
type resource struct {
	routes []route
	allow  string // the Allow header
}

// table is the map of the API. It is not an http.ServeMux, since that answers
// paths with dots and double slashes with redirects; here every path is what
// it says, and one that is not in the table leads nowhere.
type table struct {
	exact map[string]*resource
	byID  map[string]*resource // by what stands before the id
}

func newTable(routes []route) table {
	t := table{map[string]*resource{}, map[string]*resource{}}
	for _, r := range routes {
		paths, path := t.exact, r.path
		if before, found := strings.CutSuffix(r.path, "{id}"); found {
			paths, path = t.byID, before
		}
		if paths[path] == nil {
			paths[path] = &resource{}
		}
		paths[path].add(r)
	}
	return t
}

// add takes a route up, and with GET the methods that come with it.
func (res *resource) add(r route) {
	res.routes = append(res.routes, r)
	var methods []string
	for _, r := range res.routes {
		methods = append(methods, r.method)
		if r.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	res.allow = strings.Join(append(methods, http.MethodOptions), ", ")
}

// find returns what a path leads to, and the id in it; nil for nowhere.
func (t table) find(path string) (res *resource, id string) {
	if res = t.exact[path]; res != nil {
		return res, ""
	}
	slash := strings.LastIndexByte(path, '/')
	if id = path[slash+1:]; id == "" || id == "." || id == ".." {
		return nil, ""
	}
	return t.byID[path[:slash+1]], id
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

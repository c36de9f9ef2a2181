package r4

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"nems/internal/audit"
	"nems/internal/refuse"
	"nems/internal/spine"
)

// route is one line of the table of endpoints.
type route struct {
	method, path string       // {id} stands for one segment
	action       audit.Action // for the audit
	endpoint     spine.Endpoint
	handle       func(*API, *exchange) error
	allow        string // the methods of the path
}

var routes = withAllow([]route{
	{method: "GET", path: "metadata", handle: (*API).metadata},
	{method: "GET", path: "Basic", handle: (*API).searchTopics},
	{method: "GET", path: "Basic/{id}", handle: (*API).readTopic},
	{method: "POST", path: "Subscription", action: audit.ActionSubscribe, endpoint: spine.EndpointCreate, handle: (*API).create},
	{method: "GET", path: "Subscription", action: audit.ActionSearch, endpoint: spine.EndpointSearch, handle: (*API).search},
	{method: "POST", path: "Subscription/_search", action: audit.ActionSearch, endpoint: spine.EndpointSearch, handle: (*API).search},
	{method: "GET", path: "Subscription/{id}", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: (*API).read},
	{method: "PUT", path: "Subscription/{id}", action: audit.ActionReactivate, endpoint: spine.EndpointCreate, handle: (*API).update},
	{method: "GET", path: "$status", action: audit.ActionRead, endpoint: spine.EndpointSearch, handle: (*API).status},
	{method: "POST", path: "$status", action: audit.ActionRead, endpoint: spine.EndpointSearch, handle: (*API).status},
	{method: "GET", path: "Subscription/$status", action: audit.ActionRead, endpoint: spine.EndpointSearch, handle: (*API).status},
	{method: "POST", path: "Subscription/$status", action: audit.ActionRead, endpoint: spine.EndpointSearch, handle: (*API).status},
	{method: "GET", path: "Subscription/{id}/$status", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: (*API).status},
	{method: "POST", path: "Subscription/{id}/$status", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: (*API).status},
	{method: "GET", path: "Subscription/{id}/$events", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: (*API).events},
	{method: "POST", path: "Subscription/{id}/$events", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: (*API).events},
	{method: "POST", path: "Subscription/{id}/$resend", action: audit.ActionStartReplay, endpoint: spine.EndpointRead, handle: (*API).resend},
	{method: "POST", path: "Subscription/{id}/$test", action: audit.ActionTestEndpoint, endpoint: spine.EndpointRead, handle: (*API).test},
	{method: "DELETE", path: "Subscription/{id}", action: audit.ActionDelete, endpoint: spine.EndpointDelete, handle: (*API).delete},
})

// withAllow adds to each route the methods of its path.
func withAllow(all []route) []route {
	for i := range all {
		var methods []string
		for _, r := range all {
			if r.path == all[i].path {
				methods = append(methods, r.method)
				if r.method == http.MethodGet {
					methods = append(methods, http.MethodHead)
				}
			}
		}
		slices.Sort(methods)
		all[i].allow = strings.Join(append(methods, http.MethodOptions), ", ")
	}
	return all
}

// find returns the route of a request, and the id in its path. With OPTIONS it is
// any route of the path.
func find(r *http.Request) (rt route, id string, refusal *refuse.Refusal) {
	path, ok := segments(r.URL)
	if !ok {
		return rt, "", refuse.UnknownPath()
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, c := range routes {
		found, fits := fit(c.path, path)
		if !fits {
			continue
		}
		if c.method == method || method == http.MethodOptions {
			return c, found, nil
		}
		rt, id = c, found
	}
	if rt.path != "" {
		return rt, id, refuse.MethodNotAllowed(rt.allow)
	}
	return rt, "", refuse.NotImplemented()
}

// segments splits the path behind Base. It splits before it unescapes, so that %2F
// is not a slash.
func segments(u *url.URL) ([]string, bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), Base+"/")
	parts := strings.Split(rest, "/")
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil || parts[i] == "" || parts[i] == "." || parts[i] == ".." {
			return nil, false
		}
	}
	return parts, ok
}

func fit(pattern string, path []string) (id string, fits bool) {
	want := strings.Split(pattern, "/")
	if len(want) != len(path) {
		return "", false
	}
	for i, segment := range want {
		switch {
		case segment == "{id}" && !strings.ContainsAny(path[i][:1], "$_"): // such names belong to operations
			id = path[i]
		case segment != path[i]:
			return "", false
		}
	}
	return id, true
}

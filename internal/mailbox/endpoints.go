package mailbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"nems/internal/audit"
	"nems/internal/mesh"
)

// endpoint is a method and path of the API. In the path * stands for one
// variable part. If the endpoint is not open, the first variable part is the
// mailbox.
type endpoint struct {
	method string
	path   string
	action audit.Action // "" for endpoints that need no audit entry
	name   string       // for the log, if there is no action
	serve  func(*call) error
	open   bool // needs no token
	dev    bool // exists in dev mode only
	kind   kind // the kind of its work
	parts  []string
}

// endpoints is the API. If two paths fit, the first counts.
var endpoints = withParts([]endpoint{
	{method: "GET", path: "_ping", name: "ping", serve: (*call).ping, open: true},
	{method: "GET", path: "deepping", name: "ping", serve: (*call).ping, open: true},
	{method: "GET", path: "endpointlookup/*/*", action: audit.ActionLookup, serve: (*call).lookupEndpoint, open: true},
	{method: "GET", path: "workflowsearch/*", action: audit.ActionWorkflowSearch, serve: (*call).searchWorkflow, open: true},

	{method: "DELETE", path: "admin/reset", action: audit.ActionReset, serve: (*call).reset, open: true, dev: true},
	{method: "DELETE", path: "admin/reset/*", action: audit.ActionReset, serve: (*call).resetOne, open: true, dev: true},
	{method: "POST", path: "admin/report", action: audit.ActionPutReport, serve: (*call).putReport, open: true, dev: true},
	{method: "POST", path: "admin/message/*/event", action: audit.ActionAddEvent, serve: (*call).addEvent, open: true, dev: true},
	{method: "GET", path: "admin/message/*", action: audit.ActionMessageDetails, serve: (*call).messageDetails, open: true, dev: true},
	{method: "GET", path: "admin/mailbox/*", action: audit.ActionMailboxDetails, serve: (*call).mailboxDetails, open: true, dev: true},
	{method: "GET", path: "mailbox/*", action: audit.ActionMailboxDetails, serve: (*call).mailboxDetails, open: true, dev: true},

	{method: "POST", path: "*", action: audit.ActionHandshake, serve: (*call).handshake},
	{method: "GET", path: "*", action: audit.ActionHandshake, serve: (*call).handshake},
	{method: "GET", path: "*/inbox", action: audit.ActionList, serve: (*call).list},
	{method: "GET", path: "*/count", action: audit.ActionCount, serve: (*call).count},
	{method: "GET", path: "*/inbox/rich", action: audit.ActionRichInbox, serve: (*call).richInbox},
	{method: "GET", path: "*/inbox/*", action: audit.ActionDownload, serve: (*call).download, kind: transfer},
	{method: "HEAD", path: "*/inbox/*", action: audit.ActionHead, serve: (*call).head},
	{method: "GET", path: "*/inbox/*/*", action: audit.ActionDownloadChunk, serve: (*call).downloadChunk, kind: transfer},
	{method: "PUT", path: "*/inbox/*/status/acknowledged", action: audit.ActionAcknowledge, serve: (*call).acknowledge, kind: change},
	{method: "POST", path: "*/outbox", action: audit.ActionSend, serve: (*call).send, kind: transfer},
	{method: "GET", path: "*/outbox/rich", action: audit.ActionRichOutbox, serve: (*call).richOutbox},
	{method: "GET", path: "*/outbox/tracking", action: audit.ActionTrack, serve: (*call).track},
	{method: "GET", path: "*/outbox/tracking/*", action: audit.ActionTrackLocalID, serve: (*call).trackLocal},
	{method: "POST", path: "*/outbox/*/*", action: audit.ActionSendChunk, serve: (*call).sendChunk, kind: transfer},
})

func withParts(all []endpoint) []endpoint {
	for i := range all {
		all[i].parts = strings.Split(all[i].path, "/")
	}
	return all
}

// findEndpoint finds the endpoint of a request and the variable parts of its
// path. Its errors are UnknownPath and WrongMethod.
func findEndpoint(r *http.Request, dev bool) (endpoint, []string, error) {
	path, err := split(r.URL)
	if err != nil {
		return endpoint{}, nil, mesh.UnknownPath
	}
	known := false
	for _, e := range endpoints {
		if (e.dev && !dev) || !e.fits(path) {
			continue
		}
		if e.method == r.Method {
			return e, e.variables(path), nil
		}
		known = true
	}
	if known {
		return endpoint{}, nil, mesh.WrongMethod
	}
	return endpoint{}, nil, mesh.UnknownPath
}

// methods lists the methods of a path, for the Allow header.
func methods(u *url.URL, dev bool) string {
	path, err := split(u)
	if err != nil {
		return ""
	}
	var all []string
	for _, e := range endpoints {
		if (!e.dev || dev) && e.fits(path) && !slices.Contains(all, e.method) {
			all = append(all, e.method)
		}
	}
	return strings.Join(all, ", ")
}

// withoutSlash returns the target of a path with unneeded slashes at its end:
// the same path without them, if such an endpoint exists, with any method. The
// MESH sandbox redirects there before it looks at the token.
func withoutSlash(u *url.URL, dev bool) (target string, ok bool) {
	path := u.EscapedPath()
	shorter := strings.TrimRight(path, "/")
	if shorter == path {
		return "", false
	}
	bare := &url.URL{Path: strings.TrimRight(u.Path, "/"), RawPath: shorter, RawQuery: u.RawQuery}
	return bare.RequestURI(), methods(bare, dev) != ""
}

// split splits the path after /messageexchange/, or the path of /admin/ with
// that prefix. It splits before it unescapes, because a workflow id may contain
// a slash.
func split(u *url.URL) ([]string, error) {
	path := u.EscapedPath()
	if rest, ok := strings.CutPrefix(path, "/messageexchange/"); ok {
		path = rest
	} else if rest, ok := strings.CutPrefix(path, "/admin/"); ok {
		path = "admin/" + rest
	} else {
		return nil, mesh.UnknownPath
	}
	parts := strings.Split(path, "/")
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil || parts[i] == "" {
			return nil, mesh.UnknownPath
		}
	}
	return parts, nil
}

func (e endpoint) fits(path []string) bool {
	if len(path) != len(e.parts) {
		return false
	}
	for i, part := range e.parts {
		if part != "*" && part != path[i] {
			return false
		}
	}
	return true
}

func (e endpoint) variables(path []string) []string {
	var found []string
	for i, part := range e.parts {
		if part == "*" {
			found = append(found, path[i])
		}
	}
	return found
}

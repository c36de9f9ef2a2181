package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nems/internal/operator"
	"nems/internal/store"
)

// operation is one verb as the API describes it.
type operation struct{ method, path, role string }

func operations(t testing.TB) (out []operation) {
	t.Helper()
	var api struct {
		Paths map[string]map[string]struct {
			Role string `json:"x-nems-role"`
		}
	}
	if err := json.Unmarshal(operator.OpenAPI(), &api); err != nil {
		t.Fatal(err)
	}
	for path, methods := range api.Paths {
		for method, o := range methods {
			for _, name := range []string{"{asid}", "{code}", "{id}", "{move}"} {
				path = strings.Replace(path, name, "x", 1)
			}
			out = append(out, operation{strings.ToUpper(method), path, o.Role})
		}
	}
	if len(out) < 18 {
		t.Fatalf("only %d operations", len(out))
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

// served is a desk behind HTTP for whoever admit says.
func served(d operator.Desk, log *slog.Logger, admit func(*http.Request) (operator.Caller, error)) http.Handler {
	mux := http.NewServeMux()
	operator.Handler{Desk: d, Admit: admit, Log: log}.Mount(mux)
	return mux
}

func caller(roles ...operator.Role) func(*http.Request) (operator.Caller, error) {
	return func(*http.Request) (operator.Caller, error) {
		return operator.Caller{User: "caller", Roles: roles}, nil
	}
}

type refused struct {
	Code, Detail, Expected string
	Status                 int
	Retryable              bool
}

func send(t testing.TB, h http.Handler, method, target, body string) (*httptest.ResponseRecorder, refused) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
	var r refused
	if w.Code >= 300 {
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Header().Get("Content-Type") != "application/problem+json" || r.Status != w.Code || r.Detail == "" {
			t.Errorf("%s %s: status %d with %s %q", method, target, w.Code, w.Header(), w.Body)
		}
	}
	return w, r
}

// Each verb wants somebody, with the role of its own and no other.
func TestEachVerbIsAuthorised(t *testing.T) {
	d, quiet := newDesk(t), slog.New(slog.DiscardHandler)
	for _, o := range operations(t) {
		name := o.method + " " + o.path
		w, r := send(t, served(d, quiet, operator.Bearer(token)), o.method, o.path, "")
		if w.Code != http.StatusUnauthorized || r.Code != "unauthenticated" || w.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: nobody: status %d, %+v", name, w.Code, r)
		}
		others := slices.DeleteFunc(slices.Clone(operator.AllRoles), func(r operator.Role) bool { return string(r) == o.role })
		if len(others) != len(operator.AllRoles)-1 {
			t.Errorf("%s: there is no role %q", name, o.role)
		}
		if w, r := send(t, served(d, quiet, caller(others...)), o.method, o.path, ""); w.Code != http.StatusForbidden || r.Code != "forbidden" || r.Expected != o.role {
			t.Errorf("%s: somebody else: status %d, %+v", name, w.Code, r)
		}
		if w, _ := send(t, served(d, quiet, caller(operator.Role(o.role))), o.method, o.path, ""); w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized {
			t.Errorf("%s: somebody with the role: status %d", name, w.Code)
		}
	}
	// In this process likewise.
	d.Roles = nil
	if err := operator.ListSystems.Run(t.Context(), d, operator.Paging{}); !errors.Is(err, operator.Forbidden) {
		t.Errorf("a desk without roles: %v", err)
	}
}

// failing is a store that fails.
type failing struct {
	operator.Store
	err error
}

func (f failing) LifeCycles(context.Context) ([]store.LifeCycle, error) {
	if f.err == nil {
		panic("a defect")
	}
	return nil, f.err
}

// An error of the store is the same value on both sides of HTTP.
func TestErrorsTravel(t *testing.T) {
	d := newDesk(t)
	sound := d.Store
	for name, c := range map[string]struct {
		err        error
		code       operator.Code
		status     int
		retryAfter string
	}{
		"busy":      {fmt.Errorf("x: %w", store.ErrBusy), operator.Busy, 503, "1"},
		"closed":    {store.ErrClosed, operator.Busy, 503, "1"},
		"unknown":   {store.ErrUnknown, operator.UnknownOutcome, 503, ""},
		"late":      {context.DeadlineExceeded, operator.Busy, 503, "1"},
		"not found": {store.ErrNotFound, operator.NotFound, 404, ""},
		"a machine": {errors.New("disk I/O error"), operator.Internal, 500, ""},
		"conflict":  {&operator.Error{Code: operator.Conflict, Message: "it is so already"}, operator.Conflict, 409, ""},
		"too many":  {&operator.Error{Code: operator.TooMany, Message: "wait"}, operator.TooMany, 429, "1"},
		"a field":   {&operator.Error{Code: operator.Invalid, Message: "m", Field: "f", Expected: "e", Received: "r"}, operator.Invalid, 422, ""},
	} {
		d.Store = failing{sound, c.err}
		here, there := operator.ListEventTypes.Run(t.Context(), d, operator.Paging{}), operator.ListEventTypes.Run(t.Context(), newClient(t, d), operator.Paging{})
		if diff := cmp.Diff(here, there, cmpopts.IgnoreUnexported(operator.Error{})); diff != "" || here.Error() != there.Error() {
			t.Errorf("%s: -here +there:\n%s", name, diff)
		}
		for _, err := range []error{here, there} {
			for _, sentinel := range []error{store.ErrNotFound, store.ErrBusy, store.ErrUnknown} {
				if errors.Is(c.err, sentinel) != errors.Is(err, sentinel) && c.code != operator.Busy {
					t.Errorf("%s: %v: is it %v?", name, err, sentinel)
				}
			}
			if !errors.Is(err, c.code) {
				t.Errorf("%s: expected %s; received %v", name, c.code, err)
			}
		}
		w, r := send(t, served(d, slog.New(slog.DiscardHandler), caller(operator.Viewer)), http.MethodGet, "/operator/event-types", "")
		if w.Code != c.status || w.Header().Get("Retry-After") != c.retryAfter || r.Retryable != (c.retryAfter != "") {
			t.Errorf("%s: status %d, %s, %+v", name, w.Code, w.Header(), r)
		}
	}
}

// A defect costs one request, which is answered, and the log tells what it was.
func TestDefectsAreAnswered(t *testing.T) {
	d, log := newDesk(t), &bytes.Buffer{}
	d.Store = failing{Store: d.Store}
	w, r := send(t, served(d, slog.New(slog.NewTextHandler(log, nil)), caller(operator.Viewer)), http.MethodGet, "/operator/event-types", "")
	if w.Code != http.StatusInternalServerError || r.Code != "internal" || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "a defect") || !strings.Contains(log.String(), "listEventTypes") {
		t.Errorf("the log: %s", log)
	}
}

// A slip of the pen is refused with its name.
func TestRequestsAreReadStrictly(t *testing.T) {
	h := served(newDesk(t), slog.New(slog.DiscardHandler), caller(operator.AllRoles...))
	for _, c := range []struct{ method, target, body, field string }{
		{"POST", "/operator/audit/search", `{"patint":"9912003888"}`, "patint"},
		{"POST", "/operator/audit/search", `{"patient":9912003888}`, "patient"},
		{"POST", "/operator/audit/search?limt=1", `{}`, "limt"},
		{"POST", "/operator/audit/search?limit=1&limit=2", `{}`, "limit"},
		{"POST", "/operator/audit/search?limit=many", `{}`, "limit"},
		{"GET", "/operator/systems?limit=1001", ``, "limit"},
		{"GET", "/operator/systems?a=%zz", ``, ""},
		{"POST", "/operator/audit/search", `{}{}`, ""},
		{"POST", "/operator/audit/search", ``, ""},
		{"PUT", "/operator/event-types/vaccinations-1", `[]`, ""},
	} {
		w, r := send(t, h, c.method, c.target, c.body)
		var p struct{ Field string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnprocessableEntity || r.Code != "invalid" || p.Field != c.field {
			t.Errorf("%s %s %s: status %d, %s", c.method, c.target, c.body, w.Code, w.Body)
		}
	}
}

// FuzzRequests: whatever a caller sends, it is answered, and never as a defect.
func FuzzRequests(f *testing.F) {
	all := operations(f)
	for i := range all {
		f.Add(i, "limit=1&after=x", `{"from":"2026-03-02T12:00:00Z","state":"waiting","quarantined":true}`)
		f.Add(i, "latest=2", `["a"]`)
		f.Add(i, "", `[{"id":"BOX","ods":"RR8","password":"p"}]`)
	}
	d := newDesk(f)
	h := served(d, slog.New(slog.DiscardHandler), caller(operator.AllRoles...))
	f.Fuzz(func(t *testing.T, i int, query, body string) {
		o := all[uint(i)%uint(len(all))]
		r := httptest.NewRequestWithContext(t.Context(), o.method, o.path, strings.NewReader(body))
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s %s?%s %s: status %d: %s", o.method, o.path, query, body, w.Code, w.Body)
		}
	})
}

package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

// Nobody is led out of the console after signing in.
func TestBack(t *testing.T) {
	for asked, want := range map[string]string{
		"":                                   "/console/",
		"/console/":                          "/console/",
		"/console/deliveries?state=parked&x": "/console/deliveries?state=parked&x",
		"/console/events/1/deliveries#here":  "/console/events/1/deliveries",
		"/operator/systems":                  "/console/",
		"//elsewhere.example/console/":       "/console/",
		"https://elsewhere.example/console/": "/console/",
		"https:/console/":                    "/console/",
		"/console/../operator/systems":       "/console/",
		"/console//elsewhere.example":        "/console/",
		"/console/%2e%2e/operator":           "/console/",
		`/console/\elsewhere`:                "/console/",
		"/console/sign-in/link?token=x":      "/console/",
		"/console/\r\nSet-Cookie: a=b":       "/console/",
		"javascript:alert(1)":                "/console/",
		"console/":                           "/console/",
	} {
		if got := Back(asked); got != want {
			t.Errorf("%q: expected %q; received %q", asked, want, got)
		}
	}
}

func TestRoles(t *testing.T) {
	roles, err := ParseRoles(" viewer=staff, governance = lead,viewer=lead,operator=a=b ")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		names []string
		want  []operator.Role
	}{
		{nil, nil}, {[]string{"choir"}, nil}, {[]string{"Staff"}, nil},
		{[]string{"lead", "choir"}, []operator.Role{operator.Viewer, operator.Governance}},
		{[]string{"a=b"}, []operator.Role{operator.Operator}},
	} {
		if got := roles.of(c.names); !slices.Equal(got, c.want) {
			t.Errorf("%v: expected %v; received %v", c.names, c.want, got)
		}
	}
	for _, wrong := range []string{"king=jan", "viewer", "viewer=", "=jan"} {
		if _, err := ParseRoles(wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

// Providers write what people may do as a text, a list or an object, at any depth.
func TestValues(t *testing.T) {
	claims := map[string]any{
		"role": "one", "roles": []any{"one", "two", 3.0}, "urn:example.com:roles": map[string]any{"b": 1, "a": map[string]any{}},
		"realm_access": map[string]any{"roles": []any{"deep"}}, "number": 7.0,
	}
	for claim, want := range map[string][]string{
		"role": {"one"}, "roles": {"one", "two"}, "urn:example.com:roles": {"a", "b"}, "realm_access.roles": {"deep"},
		"number": nil, "none": nil, "role.none": nil, "": nil,
	} {
		if got := values(claims, claim); !slices.Equal(got, want) {
			t.Errorf("%s: expected %v; received %v", claim, want, got)
		}
	}
}

// away is a store that does not answer.
type away struct{ Sessions }

func (away) Session(context.Context, store.SessionKey) (store.Session, error) {
	return store.Session{}, fmt.Errorf("dial: %w", store.ErrBusy)
}

// A store that is away signs nobody out.
func TestStoreAway(t *testing.T) {
	g := New(Config{Sessions: away{}, Base: func(*http.Request) string { return "" }, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	r := httptest.NewRequest(http.MethodGet, "http://nems.test/console/", nil)
	r.AddCookie(&http.Cookie{Name: "nems", Value: "secret"})
	if _, err := g.Admit(r); !errors.Is(err, operator.Busy) {
		t.Errorf("expected busy; received %v", err)
	}
	if _, err := g.API(operator.Bearer("token"))(r); !errors.Is(err, operator.Busy) {
		t.Errorf("the API: expected busy; received %v", err)
	}
}

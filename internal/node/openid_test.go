package node_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/node"
	"nems/internal/signin"
	"nems/internal/signin/providertest"
)

const (
	clientID     = "nems"
	clientSecret = "the secret of this client"
)

// newProvider serves a provider at this machine.
func newProvider(t *testing.T, groups map[string]any) (*providertest.Provider, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String() + "/"
	before := slog.Default()
	all, handler := providertest.New(issuer, groups)
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(func() { server.Close(); slog.SetDefault(before) })
	server.URL = issuer
	return all, server
}

// bootWithProvider is a production world whose people sign in at a provider.
func bootWithProvider(t *testing.T, groups map[string]any) (*production, *httptest.Server) {
	t.Helper()
	all, provider := newProvider(t, groups)
	p := bootProduction(t, func(c *node.Config) {
		c.Console = node.Console{
			OIDC:       node.OIDC{Issuer: provider.URL, ClientID: clientID, ClientSecret: clientSecret, Scopes: "profile email"},
			RolesClaim: "realm_access.roles", Roles: "viewer=staff, administrator=lead, governance=lead",
		}
	})
	all.Home = p.operator.URL
	providertest.Register(clientID, clientSecret, p.operator.URL+signin.CallbackPath)
	p.Clock.Set(time.Now()) // the provider's
	return p, provider
}

// follow asks for a URL, as a browser does that was led there, and returns where it
// is led next.
func (b *browser) follow(to string) string {
	b.t.Helper()
	a := (&browser{b.t, b.http, ""}).get(to)
	if a.Status != http.StatusFound && a.Status != http.StatusSeeOther {
		b.t.Fatalf("%s: %d %s", to, a.Status, a.Body)
	}
	u, err := url.Parse(to)
	if err == nil {
		u, err = u.Parse(a.Header.Get("Location"))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

// atProvider begins to sign in, does so at the provider, and returns where it leads
// back to.
func (b *browser) atProvider(back, user string) (callback string) {
	b.t.Helper()
	login := b.follow(b.follow(b.base + "/console/sign-in/openid?back=" + url.QueryEscape(back)))
	at, err := url.Parse(login)
	if err != nil {
		b.t.Fatal(err)
	}
	form := url.Values{"id": {at.Query().Get("authRequestID")}, "username": {user}, "password": {providertest.Password}}
	a := (&browser{b.t, b.http, at.Scheme + "://" + at.Host}).do(http.MethodPost, "/login/username", form)
	if a.Status != http.StatusFound {
		b.t.Fatalf("at the provider: %d %s", a.Status, a.Body)
	}
	next, err := at.Parse(a.Header.Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.follow(next.String())
}

// come opens a callback as it is.
func (b *browser) come(callback string) (status int, location, body string) {
	b.t.Helper()
	a := (&browser{b.t, b.http, ""}).get(callback)
	return a.Status, a.Header.Get("Location"), string(a.Body)
}

// TestOpenIDConnect signs in at a provider, works under the name that it has proven,
// and signs out of both.
func TestOpenIDConnect(t *testing.T) {
	p, provider := bootWithProvider(t, map[string]any{"test-user@127.0.0.1": []string{"staff", "lead", "choir"}, "test-user2": "choir"})
	jan := p.browser()
	if a := jan.get("/console/sign-in"); !strings.Contains(string(a.Body), "/console/sign-in/openid?back=") {
		t.Errorf("it is not offered: %s", a.Body)
	}
	request := jan.follow(p.operator.URL + "/console/sign-in/openid?back=%2Fconsole%2Fsystems")
	for _, part := range []string{"code_challenge=", "code_challenge_method=S256", "nonce=", "state=", "scope=openid+profile+email"} {
		if !strings.HasPrefix(request, provider.URL) || !strings.Contains(request, part) {
			t.Errorf("the request lacks %s: %s", part, request)
		}
	}
	callback := jan.atProvider("/console/systems?after=x", "test-user@127.0.0.1")
	if status, to, body := jan.come(callback); status != http.StatusSeeOther || to != "/console/systems?after=x" {
		t.Fatalf("%d %s %s", status, to, body)
	}
	const name = "test-user@127.0.0.1"
	page := string(jan.get("/console/systems").Body)
	if !strings.Contains(page, name) || !strings.Contains(page, "viewer, governance, administrator") || strings.Contains(page, "operator,") {
		t.Errorf("the frame shows %.2000s", page)
	}
	if e := p.audited(audit.ActionSignIn, name); e.Interaction != "sign-in:openid" || e.Object != provider.URL+" id1" || e.Reason != "viewer governance administrator" {
		t.Errorf("the audit has %+v", e)
	}
	a := jan.do(http.MethodPost, "/console/sign-out", url.Values{"form-token": {jan.token()}})
	_, rest, found := strings.Cut(string(a.Body), `href="`+provider.URL+"end_session?")
	link, _, _ := strings.Cut(rest, `"`)
	if a.Status != http.StatusOK || !found || strings.Contains(link, "id_token") {
		t.Fatalf("sign out: %d %s", a.Status, a.Body)
	}
	if to := jan.follow(provider.URL + "end_session?" + strings.ReplaceAll(link, "&amp;", "&")); to != p.operator.URL+"/console/sign-in" {
		t.Errorf("the provider leads back to %s", to)
	}

	none := p.browser()
	if status, _, body := none.come(none.atProvider("/console/", "test-user2")); status != http.StatusForbidden || !strings.Contains(body, "no role here") {
		t.Errorf("without a role: %d %s", status, body)
	}
	if e := p.audited(audit.ActionSignIn, "test-user2"); e.Outcome != "NO_ROLE" {
		t.Errorf("the audit has %+v", e)
	}
	at, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{clientSecret, at.Query().Get("code"), at.Query().Get("state")} {
		if strings.Contains(p.Log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// TestOpenIDConnectForged comes back from the provider in ways in which nobody is
// signed in.
func TestOpenIDConnectForged(t *testing.T) {
	p, provider := bootWithProvider(t, map[string]any{"test-user@127.0.0.1": []string{"staff"}})
	const user = "test-user@127.0.0.1"
	change := func(to, name, value string) string {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for name, come := range map[string]func() (int, string, string){
		"another state": func() (int, string, string) {
			b := p.browser()
			return b.come(change(b.atProvider("/console/", user), "state", "x"))
		},
		"another browser": func() (int, string, string) { return p.browser().come(p.browser().atProvider("/console/", user)) },
		"another code": func() (int, string, string) {
			b := p.browser()
			return b.come(change(b.atProvider("/console/", user), "code", "x"))
		},
		"another provider": func() (int, string, string) {
			b := p.browser()
			return b.come(change(b.atProvider("/console/", user), "iss", "https://elsewhere.example"))
		},
		"the provider has refused": func() (int, string, string) {
			b := p.browser()
			return b.come(change(b.atProvider("/console/", user), "error", `<script>`))
		},
		"a code of another sign-in": func() (int, string, string) { // the nonce and the PKCE verifier are of the second
			b, other := p.browser(), p.browser()
			stolen, err := url.Parse(other.atProvider("/console/", user))
			if err != nil {
				t.Fatal(err)
			}
			return b.come(change(b.atProvider("/console/", user), "code", stolen.Query().Get("code")))
		},
		"twice": func() (int, string, string) {
			b := p.browser()
			callback := b.atProvider("/console/", user)
			b.come(callback)
			return b.come(callback)
		},
	} {
		if status, to, body := come(); status != http.StatusForbidden || strings.Contains(body, "<script>") {
			t.Errorf("%s: expected 403; received %d %s %s", name, status, to, body)
		}
	}
	for _, back := range []string{"https://elsewhere.example/console/", "//elsewhere.example/console/", "/console/../operator/systems", "/operator/systems", `/console/\..\..`, "/console/sign-out", "javascript:alert(1)"} {
		b := p.browser()
		if status, to, _ := b.come(b.atProvider(back, user)); status != http.StatusSeeOther || to != "/console/" {
			t.Errorf("back to %q: %d %s", back, status, to)
		}
	}
	b := p.browser()
	callback := b.atProvider("/console/", user)
	provider.Close()
	if status, _, body := b.come(callback); status/100 == 3 || strings.Contains(body, "Sign out") {
		t.Errorf("a provider that is away: %d %s", status, body)
	}
}

// TestCheckUpReachesTheProvider tells of a provider that is away before the start.
func TestCheckUpReachesTheProvider(t *testing.T) {
	_, provider := newProvider(t, nil)
	p := bootProduction(t)
	c := p.Config
	c.Console = node.Console{OIDC: node.OIDC{Issuer: provider.URL, ClientID: clientID}, Roles: "viewer=staff"}
	console := func() (found node.Finding) {
		for _, f := range node.CheckUp(t.Context(), c, node.Environment{Now: p.Clock.Now}) {
			if f.What == "console" {
				found = f
			}
		}
		return found
	}
	if f := console(); f.Wrong != nil || !strings.Contains(f.Note, provider.URL) {
		t.Errorf("%+v", f)
	}
	provider.Close()
	if f := console(); f.Wrong == nil {
		t.Error("a provider that is away is not told")
	}
}

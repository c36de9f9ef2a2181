package node_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/datafolder"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
)

// browser is somebody's browser, on the operations listener of a production world.
type browser struct {
	t    *testing.T
	http *http.Client
	base string
}

func (p *production) browser(pair ...*http.Transport) *browser {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := p.transport(nil)
	if len(pair) > 0 {
		transport = pair[0]
	}
	return &browser{p.t, &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, p.operator.URL}
}

// on is the same browser at another node: its cookies are of the host, not the port.
func (b *browser) on(p *production) *browser { return &browser{b.t, b.http, p.operator.URL} }

func (b *browser) do(method, path string, form url.Values, headers ...string) nodetest.Answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.base)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return nodetest.Answer{Status: response.StatusCode, Header: response.Header, Body: body}
}

func (b *browser) get(path string, headers ...string) nodetest.Answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, headers...)
}

var tokenOfForms = regexp.MustCompile(`name="form-token" value="([^"]+)"`)

// token is what forms of the present session bring back.
func (b *browser) token() string {
	b.t.Helper()
	found := tokenOfForms.FindStringSubmatch(string(b.get("/console/subscriptions").Body))
	if found == nil {
		b.t.Fatal("a page without a form's token")
	}
	return found[1]
}

// link makes a link for somebody.
func (p *production) link(user string, roles ...operator.Role) string {
	p.t.Helper()
	link, err := operator.CreateSignInLink.Do(p.t.Context(), p.operator, operator.LinkRequest{User: user, Roles: roles})
	if err != nil {
		p.t.Fatal(err)
	}
	return link.Path
}

// signedIn is a browser that has used a link.
func (p *production) signedIn(user string, roles ...operator.Role) *browser {
	p.t.Helper()
	b := p.browser()
	if a := b.get(p.link(user, roles...)); a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/console/" {
		p.t.Fatalf("a link: %d %s", a.Status, a.Body)
	}
	return b
}

// audited waits until the audit has an entry of an action by somebody.
func (p *production) audited(action audit.Action, user string) (found operator.Record) {
	p.t.Helper()
	p.eventually("the audit has "+string(action)+" of "+user, func() bool {
		entries, err := operator.All(p.t.Context(), p.operator, operator.SearchAudit, operator.Matching(operator.Filter{Action: action}))
		if err != nil {
			p.t.Fatal(err)
		}
		for _, e := range entries {
			if e.User == user {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// TestConsoleNeedsSigningIn opens the pages of a production world without a session,
// with a link, and with the same link again.
func TestConsoleNeedsSigningIn(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	stranger := p.browser()
	for _, path := range []string{"/console/", "/console/deliveries?state=parked", "/console/none"} {
		if a := stranger.get(path); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/console/sign-in?back=") || strings.Contains(string(a.Body), "MAILBOX") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := stranger.get("/console/sign-in"); a.Status != http.StatusOK || !strings.Contains(string(a.Body), "nems console") || a.Header.Get("Content-Security-Policy") == "" || a.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the way in: %d %s", a.Status, a.Body)
	}
	for _, path := range []string{"/health", "/metrics"} {
		if a := stranger.get(path); a.Status != http.StatusOK {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if a := stranger.get("/operator/systems"); a.Status != http.StatusUnauthorized {
		t.Errorf("the API without a session: %d", a.Status)
	}

	link := p.link("jan", operator.Viewer)
	if a := stranger.do(http.MethodHead, link, nil); a.Status != http.StatusOK || len(a.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("looking at a link uses it up: %d", a.Status)
	}
	jan := p.browser()
	a := jan.get(link)
	cookie := a.Header.Get("Set-Cookie")
	if a.Status != http.StatusSeeOther || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || strings.Contains(cookie, link) {
		t.Fatalf("%d %q %s", a.Status, cookie, a.Body)
	}
	if a := stranger.get(link); a.Status != http.StatusForbidden || len(a.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("a link twice: %d", a.Status)
	}
	if a := jan.get("/console/"); a.Status != http.StatusOK || !strings.Contains(string(a.Body), "jan") {
		t.Errorf("signed in: %d %s", a.Status, a.Body)
	}
	if a := jan.get("/console/audit"); a.Status != http.StatusForbidden || !strings.Contains(string(a.Body), "needs the role <b>governance</b>") {
		t.Errorf("another role: %d %s", a.Status, a.Body)
	}
	if e := p.audited(audit.ActionSignIn, "jan"); e.Interaction != "sign-in:link" || e.Reason != "viewer" {
		t.Errorf("the audit has %+v", e)
	}
	if token := strings.TrimPrefix(link, operator.SignInLinkPath+"?token="); strings.Contains(p.Log.String(), token) {
		t.Error("the log has a link's token")
	}
}

// TestSessionsEnd signs out, lets time pass, and has an operator end a session.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	in := func(b *browser) bool { b.t.Helper(); return b.get("/console/").Status == http.StatusOK }
	jan, kim, ann := p.signedIn("jan", operator.AllRoles...), p.signedIn("kim", operator.Viewer), p.signedIn("ann", operator.Viewer)
	token := jan.token()
	if a := jan.do(http.MethodPost, "/console/sign-out", url.Values{"form-token": {"forged"}}); a.Status != http.StatusForbidden || !in(jan) {
		t.Errorf("signed out by a forged form: %d", a.Status)
	}
	cookies := jan.http.Jar.Cookies(&url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/"})
	if a := jan.do(http.MethodPost, "/console/sign-out", url.Values{"form-token": {token}}); a.Status != http.StatusOK || in(jan) {
		t.Errorf("sign out: %d %s", a.Status, a.Body)
	}
	jan.http.Jar.SetCookies(&url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/"}, cookies)
	if in(jan) {
		t.Error("the cookie of a session that was left opens it again")
	}
	p.audited(audit.ActionSignOut, "jan")

	sessions, err := operator.All(t.Context(), p.operator, operator.ListSessions, operator.Paging{})
	if err != nil || len(sessions) != 2 || sessions[0].User != "kim" {
		t.Fatalf("%+v, %v", sessions, err)
	}
	if err := operator.EndSession.Run(t.Context(), p.operator, operator.SessionRef{N: sessions[0].N}); err != nil || in(kim) {
		t.Errorf("an ended session: %v", err)
	}

	quarter := func() { p.Clock.Set(p.Clock.Now().Add(14 * time.Minute)) }
	quarter()
	if !in(ann) {
		t.Fatal("signed out after 14 minutes")
	}
	p.eventually("the use is noted", func() bool {
		sessions, err := operator.All(t.Context(), p.operator, operator.ListSessions, operator.Paging{})
		return err == nil && len(sessions) == 1 && p.Clock.Now().Sub(sessions[0].Seen) < 10*time.Minute
	})
	quarter()
	for _, poll := range []string{"Nems-Poll", "HX-Request"} {
		if a := ann.get("/console/", poll, "true"); a.Status != http.StatusOK {
			t.Fatalf("signed out although it was used: %d", a.Status)
		}
	}
	p.Clock.Set(p.Clock.Now().Add(2 * time.Minute)) // the page asked by itself: that does not count
	if in(ann) {
		t.Error("signed in after more than 15 minutes")
	}
	long := p.signedIn("long", operator.Viewer)
	for end := p.Clock.Now().Add(12 * time.Hour); p.Clock.Now().Before(end); quarter() {
		if !in(long) {
			t.Fatal("signed out while it was used")
		}
		p.eventually("the use is noted", func() bool {
			sessions, err := operator.All(t.Context(), p.operator, operator.ListSessions, operator.Paging{})
			return err == nil && len(sessions) == 1 && p.Clock.Now().Sub(sessions[0].Seen) < 2*time.Minute
		})
	}
	if in(long) {
		t.Error("signed in after 12 hours")
	}
}

// migrate gives a database its schema, which nodes of production do not.
func migrate(t *testing.T, database string) {
	t.Helper()
	db, err := datafolder.Open(t.Context(), t.TempDir(), database, store.Options{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestConsoleOutlivesItsStore stops the database under somebody who is signed in.
// The pages say so, and go on when it is back.
func TestConsoleOutlivesItsStore(t *testing.T) {
	t.Parallel()
	server := pgtest.Boot(t)
	database := server.Database(t)
	migrate(t, database)
	p := bootProduction(t, func(c *node.Config) { c.Database, c.AuditKey = database, "" })
	jan := p.signedIn("jan", operator.Viewer)
	token := jan.token()
	server.Stop(t)
	a := jan.get("/console/systems")
	if page := string(a.Body); a.Status != http.StatusServiceUnavailable || !strings.Contains(page, "The store is away") || !strings.Contains(page, `http-equiv="refresh"`) ||
		len(a.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("a page: %d %s", a.Status, a.Body)
	}
	if a := jan.do(http.MethodPost, "/console/sign-out", url.Values{"form-token": {token}}); a.Status != http.StatusServiceUnavailable || !strings.Contains(string(a.Body), "Not signed out") {
		t.Errorf("sign out: %d %s", a.Status, a.Body)
	}
	if a := jan.get(operator.SignInLinkPath + "?token=x"); a.Status != http.StatusServiceUnavailable {
		t.Errorf("a link: %d %s", a.Status, a.Body)
	}
	server.Start(t)
	p.eventually("the page is back, and nobody is signed out", func() bool {
		a := jan.get("/console/systems")
		if a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		return a.Status == http.StatusOK
	})
}

// TestSessionsAreOfAllNodes signs in on one node and works, and leaves, on another.
func TestSessionsAreOfAllNodes(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	migrate(t, database)
	shared := func(c *node.Config) { c.Database, c.AuditKey = database, "" }
	here, there := bootProduction(t, shared), bootProduction(t, shared)
	jan := here.signedIn("jan", operator.Viewer)
	if a := jan.on(there).get("/console/"); a.Status != http.StatusOK {
		t.Fatalf("the other node: %d", a.Status)
	}
	kim := there.browser()
	if a := kim.get(here.link("kim", operator.Viewer)); a.Status != http.StatusSeeOther {
		t.Errorf("a link of the other node: %d", a.Status)
	}
	if a := jan.on(there).do(http.MethodPost, "/console/sign-out", url.Values{"form-token": {jan.token()}}); a.Status != http.StatusOK {
		t.Errorf("sign out: %d %s", a.Status, a.Body)
	}
	if a := jan.get("/console/"); a.Status != http.StatusSeeOther {
		t.Errorf("after it has left on the other node: %d", a.Status)
	}
}

// TestForeignRequests sends what a person has not meant: the console and the
// operators' API do nothing.
func TestForeignRequests(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	jan := p.signedIn("jan", operator.AllRoles...)
	token := jan.token()
	revoke := func(token string) url.Values {
		return url.Values{"asid": {nodetest.NationalID}, "confirmed": {"yes"}, "form-token": {token}}
	}
	other := p.signedIn("kim", operator.AllRoles...).token()
	for _, c := range []struct {
		name    string
		form    url.Values
		headers []string
	}{
		{"no token", revoke(""), nil},
		{"a forged token", revoke("x" + token), nil},
		{"the token of another session", revoke(other), nil},
		{"another origin", revoke(token), []string{"Origin", "https://elsewhere.example"}},
		{"another site", revoke(token), []string{"Sec-Fetch-Site", "cross-site"}},
		{"a sandboxed page", revoke(token), []string{"Origin", "null"}},
	} {
		if a := jan.do(http.MethodPost, "/console/systems", c.form, c.headers...); a.Status != http.StatusForbidden {
			t.Errorf("%s: expected 403; received %d %s", c.name, a.Status, a.Body)
		}
	}
	api := "/operator/systems/" + nodetest.NationalID + "/revoke"
	for name, headers := range map[string][]string{
		"API without the token": nil, "API from another origin": {"Origin", "https://elsewhere.example", "Nems-Form-Token", token},
	} {
		if a := jan.do(http.MethodPost, api, nil, headers...); a.Status != http.StatusForbidden {
			t.Errorf("%s: expected 403; received %d %s", name, a.Status, a.Body)
		}
	}
	if a := jan.get("/operator/systems/" + nodetest.NationalID); a.Status != http.StatusOK || strings.Contains(string(a.Body), `"revoked":true`) {
		t.Fatalf("it was done: %d %s", a.Status, a.Body)
	}
	viewer := p.signedIn("ann", operator.Viewer)
	if a := viewer.do(http.MethodPost, "/console/systems", revoke(viewer.token())); a.Status/100 != 4 {
		t.Errorf("a viewer: %d", a.Status)
	}
	if a := viewer.do(http.MethodPost, api, nil, "Nems-Form-Token", viewer.token()); a.Status != http.StatusForbidden {
		t.Errorf("a viewer at the API: %d %s", a.Status, a.Body)
	}
	if a := jan.do(http.MethodPost, "/console/systems", revoke(token)); a.Status != http.StatusOK || !strings.Contains(string(a.Body), "is revoked") {
		t.Errorf("what a person means: %d %s", a.Status, a.Body)
	}
	if e := p.audited(audit.ActionRevokeSystem, "jan"); e.Interaction != "sign-in:link" {
		t.Errorf("the audit has %+v", e)
	}
	if a := jan.do(http.MethodPost, api, nil, "Nems-Form-Token", token); a.Status != http.StatusNoContent {
		t.Errorf("the API with the token: %d %s", a.Status, a.Body)
	}
	p.Clock.Set(p.Clock.Now().Add(16 * time.Minute))
	if a := jan.do(http.MethodPost, "/console/systems", revoke(token)); a.Status != http.StatusUnauthorized || !strings.Contains(string(a.Body), "Nothing was done") || strings.Contains(string(a.Body), nodetest.NationalID) {
		t.Errorf("an expired session: %d %s", a.Status, a.Body)
	}
}

// TestLinksAreNotGuessed tries links that there are not.
func TestLinksAreNotGuessed(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	b, link := p.browser(), p.link("jan", operator.Viewer)
	for range 10 {
		if a := b.get(operator.SignInLinkPath + "?token=guess"); a.Status != http.StatusForbidden {
			t.Fatalf("a guess: %d", a.Status)
		}
	}
	if a := b.get(operator.SignInLinkPath + "?token=guess"); a.Status != http.StatusTooManyRequests || !strings.Contains(string(a.Body), "Too many links") {
		t.Errorf("the eleventh: %d %s", a.Status, a.Body)
	}
	p.Clock.Set(p.Clock.Now().Add(time.Minute))
	if a := b.get(link); a.Status != http.StatusSeeOther {
		t.Errorf("a minute later: %d", a.Status)
	}
	link = p.link("kim", operator.Viewer)
	p.Clock.Set(p.Clock.Now().Add(6 * time.Minute))
	if a := b.get(link); a.Status != http.StatusForbidden {
		t.Errorf("after six minutes: %d", a.Status)
	}
}

// TestCertificatesSignIn opens the console by a client certificate, as long as it is
// shown.
func TestCertificatesSignIn(t *testing.T) {
	t.Parallel()
	const name = "jan.example.nhs.uk"
	p := bootProduction(t, func(c *node.Config) {
		c.Operations.Cert, c.Operations.Key, c.Operations.ClientCA = c.FHIR.Cert, c.FHIR.Key, c.FHIR.ClientCA
		c.Operations.ProxyHeader = c.FHIR.ProxyHeader
		c.Console.Certificates = "viewer=" + name + ", administrator=" + name
	})
	pair, stranger := p.client(name), p.client("kim.example.nhs.uk")
	jan := p.browser(p.transport(&pair))
	if a := jan.get("/console/sign-in"); !strings.Contains(string(a.Body), "Sign in as "+name) {
		t.Errorf("it is not offered: %s", a.Body)
	}
	if a := p.browser(p.transport(&stranger)).do(http.MethodPost, "/console/sign-in/certificate", nil); a.Status != http.StatusForbidden {
		t.Errorf("another certificate: %d", a.Status)
	}
	if a := jan.do(http.MethodPost, "/console/sign-in/certificate", nil, "Origin", "https://elsewhere.example"); a.Status != http.StatusForbidden {
		t.Errorf("from elsewhere: %d", a.Status)
	}
	a := jan.do(http.MethodPost, "/console/sign-in/certificate", url.Values{"back": {"/console/systems"}})
	if cookie := a.Header.Get("Set-Cookie"); a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/console/systems" || !strings.HasPrefix(cookie, "__Host-nems=") || !strings.Contains(cookie, "; Secure") {
		t.Fatalf("%d %q %s", a.Status, cookie, a.Body)
	}
	if a := jan.get("/console/systems"); a.Status != http.StatusOK {
		t.Errorf("signed in: %d", a.Status)
	}
	if a := jan.get("/console/audit"); a.Status != http.StatusForbidden {
		t.Errorf("a role that the certificate has not: %d", a.Status)
	}
	if e := p.audited(audit.ActionSignIn, name); e.Interaction != "sign-in:certificate" || e.Certificate != name {
		t.Errorf("the audit has %+v", e)
	}
	jan.http.Transport = p.transport(&stranger)
	if a := jan.get("/console/systems"); a.Status != http.StatusSeeOther {
		t.Errorf("the session with another certificate: %d", a.Status)
	}
	bare := p.browser(p.transport(&pair))
	if a := bare.get("/operator/systems"); a.Status != http.StatusOK {
		t.Errorf("the API by certificate: %d %s", a.Status, a.Body)
	}
	if a := bare.do(http.MethodPost, "/operator/systems/"+nodetest.NationalID+"/revoke", nil, "Origin", "https://elsewhere.example"); a.Status != http.StatusForbidden {
		t.Errorf("the API by certificate from elsewhere: %d", a.Status)
	}
}

// TestDeveloperNeedsNoSignIn uses the operators' API of the dev world as a page of the
// console does, and as others do.
func TestDeveloperNeedsNoSignIn(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	for site, want := range map[string]int{"same-origin": http.StatusOK, "same-site": http.StatusUnauthorized, "cross-site": http.StatusUnauthorized, "none": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		r := &nodetest.Request{Method: http.MethodGet, Path: "/operator/systems", Header: http.Header{"Sec-Fetch-Site": {site}}}
		if a := s.Send(r); a.Status != want {
			t.Errorf("%q: expected %d; received %d", site, want, a.Status)
		}
	}
	if a := s.Get("/console/audit"); a.Status != http.StatusOK || strings.Contains(string(a.Body), "Sign out") {
		t.Errorf("the console: %d", a.Status)
	}
}

package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"nems/internal/audit"
	"nems/internal/operator"
)

// OpenID is an identity provider of OpenID Connect, and what its people may do here.
type OpenID struct {
	Issuer, ClientID, ClientSecret string
	// Scopes are asked for; openid is always.
	Scopes []string
	// Claim holds the values that Roles are given by: a text, a list of texts, or an
	// object whose members they name. A dot leads into an object.
	Claim string
	Roles Roles

	mu       sync.Mutex
	provider *oidc.Provider
	tried    time.Time
	failure  error
}

const (
	// providerWait is how long the provider may take for an answer.
	providerWait = 10 * time.Second
	// providerRest is how long a provider that could not be reached is left alone.
	providerRest = 5 * time.Second
	// openIDMinutes is how long somebody may take to sign in at the provider.
	openIDMinutes = 10
	// CallbackPath is where the provider leads back to.
	CallbackPath = Root + "sign-in/openid/callback"
)

// found is the provider as it describes itself. It is asked when somebody first
// signs in, so that a service starts without it.
func (o *OpenID) found(ctx context.Context, now time.Time) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil || o.failure != nil && now.Sub(o.tried) < providerRest {
		return o.provider, o.failure
	}
	o.provider, o.failure = oidc.NewProvider(ctx, o.Issuer)
	o.tried = now
	return o.provider, o.failure
}

// Reach finds out whether the provider can be used.
func (o *OpenID) Reach(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, providerWait)
	defer cancel()
	_, err := o.found(ctx, now)
	return err
}

// client is how the provider is talked to for a request.
func (g *Gate) client(ctx context.Context, r *http.Request) (*oidc.Provider, *oauth2.Config, error) {
	o, base := g.OpenID, g.Base(r)
	if o == nil {
		return nil, nil, forbidden("this service has no identity provider")
	}
	if base == "" {
		return nil, nil, &operator.Error{Code: operator.Invalid, Message: "the host of the request is no host"}
	}
	provider, err := o.found(ctx, g.Now())
	if err != nil {
		g.Log.Warn("the identity provider cannot be used", "error", err)
		return nil, nil, &operator.Error{Code: operator.Busy, Message: "the identity provider cannot be reached now"}
	}
	return provider, &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: base + CallbackPath, Scopes: append([]string{oidc.ScopeOpenID}, o.Scopes...),
	}, nil
}

// underWay is what a browser keeps while somebody signs in at the provider.
type underWay struct{ State, Nonce, Verifier, Back string }

// Start leads a browser to the provider.
func (g *Gate) Start(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), providerWait)
	defer cancel()
	_, client, err := g.client(ctx, r)
	if err != nil {
		return err
	}
	u := underWay{newSecret(), newSecret(), oauth2.GenerateVerifier(), Back(r.FormValue("back"))}
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	g.setCookie(w, r, openIDCookie, base64.RawURLEncoding.EncodeToString(text), openIDMinutes*60)
	http.Redirect(w, r, client.AuthCodeURL(u.State, oidc.Nonce(u.Nonce), oauth2.S256ChallengeOption(u.Verifier)), http.StatusSeeOther)
	return nil
}

// Finish signs in whoever comes back from the provider, and says to which page they
// wanted.
func (g *Gate) Finish(w http.ResponseWriter, r *http.Request) (back string, err error) {
	var u underWay
	text, err := base64.RawURLEncoding.DecodeString(g.cookie(r, openIDCookie))
	if err != nil || json.Unmarshal(text, &u) != nil || !sameText(r.FormValue("state"), u.State) {
		return "", forbidden("this sign-in was not begun here, or took too long; begin it again")
	}
	g.setCookie(w, r, openIDCookie, "", -1) // it is good for one answer
	if wrong := r.FormValue("error"); wrong != "" {
		return "", forbidden(fmt.Sprintf("the identity provider answered %.100q", wrong))
	}
	ctx, cancel := context.WithTimeout(r.Context(), providerWait)
	defer cancel()
	who, err := g.identify(ctx, r, u)
	if err != nil {
		return "", err
	}
	s, secret := g.fresh(byOpenID)
	s.User = who.name
	s.Roles = textsOf(g.OpenID.Roles.of(who.values))
	if len(s.Roles) == 0 {
		e := g.entry(audit.ActionSignIn, s)
		e.Object, e.Outcome, e.Status = who.subject, "NO_ROLE", http.StatusForbidden
		g.Sessions.Record(e)
		return "", forbidden("you are " + who.name + " at the identity provider, and that has no role here; ask who runs it to give you one")
	}
	return Back(u.Back), g.begin(w, r, s, secret, who.subject)
}

// person is what the provider has proven.
type person struct {
	name    string   // for people
	subject string   // for good: the issuer and its number of the person
	values  []string // of the claim
}

// identify has the provider say who has come back.
func (g *Gate) identify(ctx context.Context, r *http.Request, u underWay) (person, error) {
	provider, client, err := g.client(ctx, r)
	if err != nil {
		return person{}, err
	}
	refused := func(why string, err error) (person, error) {
		g.Log.Warn("a sign-in is refused", "why", why, "error", err)
		return person{}, forbidden("what the identity provider says of you cannot be trusted: " + why)
	}
	if iss := r.FormValue("iss"); iss != "" && iss != g.OpenID.Issuer { // RFC 9207
		return refused("another provider has answered", nil)
	}
	token, err := client.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(u.Verifier))
	if err != nil {
		return refused("the code is not accepted", withoutBody(err))
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: g.OpenID.ClientID, Now: g.Now}).Verify(ctx, raw)
	switch {
	case err != nil:
		return refused("the token is not valid", err)
	case !sameText(id.Nonce, u.Nonce):
		return refused("the token is of another sign-in", nil)
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return refused("the tokens do not belong together", nil)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return refused("the token cannot be read", err)
	}
	if named(claims) == "" || len(values(claims, g.OpenID.Claim)) == 0 { // many providers tell it apart
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err == nil && info.Subject == id.Subject {
			more := map[string]any{}
			_ = info.Claims(&more)
			for name, value := range more {
				if _, known := claims[name]; !known {
					claims[name] = value
				}
			}
		}
	}
	p := person{name: named(claims), subject: id.Issuer + " " + id.Subject, values: values(claims, g.OpenID.Claim)}
	if p.name == "" {
		p.name = id.Subject
	}
	return p, nil
}

// withoutBody is an error of the token endpoint without what else it answered.
func withoutBody(err error) error {
	if e, ok := err.(*oauth2.RetrieveError); ok { //nolint:errorlint // as Exchange returns it
		return fmt.Errorf("%s %s", e.Response.Status, e.ErrorCode)
	}
	return err
}

// named is the name by which people know somebody.
func named(claims map[string]any) string {
	for _, claim := range []string{"preferred_username", "email", "name"} {
		if name, _ := claims[claim].(string); name != "" {
			return cut(name)
		}
	}
	return ""
}

// mostNamed is how many bytes of a name are kept.
const mostNamed = 200

func cut(name string) string {
	if len(name) > mostNamed {
		name = strings.ToValidUTF8(name[:mostNamed], "")
	}
	return name
}

// values are those of a claim.
func values(claims map[string]any, claim string) (out []string) {
	value, ok := claims[claim]
	if first, rest, inside := strings.Cut(claim, "."); !ok && inside {
		within, _ := claims[first].(map[string]any)
		return values(within, rest)
	}
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				out = append(out, text)
			}
		}
	case map[string]any:
		for name := range v {
			out = append(out, name)
		}
		slices.Sort(out)
	}
	return out
}

// logout is where the provider ends its own session, "" where it offers nothing.
func (g *Gate) logout(r *http.Request) string {
	ctx, cancel := context.WithTimeout(r.Context(), providerWait)
	defer cancel()
	provider, _, err := g.client(ctx, r)
	if err != nil {
		return ""
	}
	var offered struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if provider.Claims(&offered) != nil || offered.EndSession == "" {
		return ""
	}
	u, err := url.Parse(offered.EndSession)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	q := u.Query()
	q.Set("client_id", g.OpenID.ClientID)
	q.Set("post_logout_redirect_uri", g.Base(r)+Root+"sign-in")
	u.RawQuery = q.Encode()
	return u.String()
}

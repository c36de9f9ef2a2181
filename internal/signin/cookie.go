package signin

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// The cookies: of a session, and of a sign-in that is under way at the provider.
const (
	sessionCookie = "nems"
	openIDCookie  = "nems-sign-in"
)

// secure tells that the browser came by TLS: to this node, or to a proxy before it.
func (g *Gate) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(g.Base(r), "https://")
}

// cookieName is that of a cookie. With TLS the browser takes it from this host alone,
// not from another of the same domain.
func (g *Gate) cookieName(r *http.Request, name string) string {
	if g.secure(r) {
		return "__Host-" + name
	}
	return name
}

func (g *Gate) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(g.cookieName(r, name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie leaves a cookie with the browser: for some seconds, until it is closed
// for 0, or no longer for less.
func (g *Gate) setCookie(w http.ResponseWriter, r *http.Request, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: g.cookieName(r, name), Value: value, Path: "/", MaxAge: seconds,
		Secure: g.secure(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Back is the page to which somebody goes after they have signed in: one of the
// console, whatever was asked for.
func Back(asked string) string {
	u, err := url.Parse(asked)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.ContainsAny(asked, "\\\r\n\t") ||
		!strings.HasPrefix(u.Path, Root) || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") || strings.HasPrefix(u.Path, Root+"sign-") {
		return Root
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}

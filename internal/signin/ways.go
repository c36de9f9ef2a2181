package signin

import (
	"errors"
	"net/http"

	"nems/internal/audit"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

// Certificate is the name in the client certificate of a request that opens the
// console, "" where none does.
func (g *Gate) Certificate(r *http.Request) string {
	for _, name := range spine.PeerNames(r) {
		if len(g.Certificates.of([]string{name})) > 0 {
			return name
		}
	}
	return ""
}

// ByCertificate signs in whoever has shown a client certificate that opens the
// console.
func (g *Gate) ByCertificate(w http.ResponseWriter, r *http.Request) error {
	name := g.Certificate(r)
	if name == "" {
		return forbidden("no client certificate that opens the console was shown")
	}
	s, secret := g.fresh(byCertificate)
	s.User, s.Certificate, s.Roles = name, name, textsOf(g.Certificates.of([]string{name}))
	return g.begin(w, r, s, secret, "")
}

// ByLink signs in whoever has a link's token, once.
func (g *Gate) ByLink(w http.ResponseWriter, r *http.Request, token string) error {
	now := g.Now()
	if !g.guesses.allowed(r.RemoteAddr, now) {
		return &operator.Error{Code: operator.TooMany, Message: "too many links were tried from your address; wait a minute"}
	}
	s, secret := g.fresh(byLink)
	if names := spine.PeerNames(r); len(names) > 0 {
		s.Certificate = names[0]
	}
	_, err := g.Sessions.UseSignInLink(r.Context(), store.KeyOfSession(token), s, g.entry(audit.ActionSignIn, s))
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.guesses.failed(r.RemoteAddr, now)
		return forbidden("this link was used already, or is older than five minutes; make another with nems console")
	case err != nil:
		return failed(err)
	}
	g.endLast(r)
	g.setCookie(w, r, sessionCookie, secret, 0)
	return nil
}

// API admits to the operators' API whoever shows the token that bearer wants, is
// signed in to the console, or has a client certificate that opens it. Of those a
// browser may send the last two by itself, so that another page's request must not
// count.
func (g *Gate) API(bearer func(*http.Request) (operator.Caller, error)) func(*http.Request) (operator.Caller, error) {
	return func(r *http.Request) (operator.Caller, error) {
		if r.Header.Get("Authorization") != "" {
			return bearer(r)
		}
		if g.cross.Check(r) != nil {
			return operator.Caller{}, forbidden("the request comes from another page")
		}
		s, err := g.Admit(r)
		switch name := g.Certificate(r); {
		case err == nil && !safe(r.Method) && !sameText(r.Header.Get(TokenHeader), s.FormToken):
			return operator.Caller{}, forbidden("the header " + TokenHeader + " is not of the present session")
		case err == nil:
			return s.Caller, nil
		case errors.Is(err, operator.Unauthenticated) && name != "":
			return operator.Caller{User: name, Certificate: name, Proof: byCertificate, Roles: g.Certificates.of([]string{name})}, nil
		case errors.Is(err, operator.Unauthenticated):
			return bearer(r)
		}
		return operator.Caller{}, err
	}
}

// TokenHeader is the header in which scripts bring Session.FormToken.
const TokenHeader = "Nems-Form-Token"

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

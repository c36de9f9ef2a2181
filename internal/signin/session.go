package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

// Session is somebody who is signed in.
type Session struct {
	operator.Caller
	// FormToken belongs to the session: what their forms bring back.
	FormToken string
	// Until is when it ends if nothing more is done in it.
	Until time.Time

	stored store.Session
}

// noted is how exactly it is noted when a session was last used: a page that is
// shown writes nothing, most of the time.
const noted = time.Minute

// pollHeader marks requests that a page makes without anybody's doing. They do not
// keep a session alive.
const pollHeader = "Nems-Poll"

// Admit says who sends a request. The error is Unauthenticated where nobody is
// signed in, or no longer.
func (g *Gate) Admit(r *http.Request) (Session, error) {
	secret := g.cookie(r, sessionCookie)
	if secret == "" {
		return Session{}, unauthenticated("nobody is signed in")
	}
	s, err := g.Sessions.Session(r.Context(), store.KeyOfSession(secret))
	now := g.Now()
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Session{}, unauthenticated("the session has ended")
	case err != nil:
		return Session{}, failed(err)
	case !now.Before(s.Ends) || now.Sub(s.Seen) >= operator.Idle:
		return Session{}, unauthenticated("the session has ended")
	}
	roles := rolesOf(s.Roles)
	if s.Proof == byCertificate {
		// The certificate is still shown, and what it opens may have changed.
		if !slices.Contains(spine.PeerNames(r), s.Certificate) {
			return Session{}, unauthenticated("the session belongs to another certificate")
		}
		if roles = g.Certificates.of([]string{s.Certificate}); len(roles) == 0 {
			return Session{}, unauthenticated("the certificate opens nothing any more")
		}
	}
	if now.Sub(s.Seen) >= noted && !unattended(r) {
		s.Seen = now
		if err := g.Sessions.SeeSession(s.Key, now); err != nil {
			g.Log.Warn("a session's use is not noted", "error", err)
		}
	}
	return Session{
		Caller:    operator.Caller{User: s.User, Certificate: s.Certificate, Proof: s.Proof, Roles: roles},
		FormToken: formToken(secret), Until: earlier(s.Ends, s.Seen.Add(operator.Idle)), stored: s,
	}, nil
}

// unattended tells that no person has caused a request, or may not have: a page asks
// by itself for a part of it, or for a stream. So no page can keep a session alive
// because its author forgot to say so.
func unattended(r *http.Request) bool {
	part := r.Method == http.MethodGet && r.Header.Get("HX-Request") != ""
	return part || r.Header.Get(pollHeader) != "" || strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func rolesOf(texts []string) []operator.Role {
	out := make([]operator.Role, len(texts))
	for i, text := range texts {
		out[i] = operator.Role(text)
	}
	return out
}

func textsOf(roles []operator.Role) []string {
	out := make([]string, len(roles))
	for i, role := range roles {
		out[i] = string(role)
	}
	return out
}

// formToken is made of the session's secret so that it needs no row, and shows
// nothing of it.
func formToken(secret string) string {
	sum := sha256.Sum256([]byte("form of " + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newSecret returns 256 random bits and a little more.
func newSecret() string { return rand.Text() + rand.Text() }

// fresh is a session that begins now, and the secret that the browser is to keep.
func (g *Gate) fresh(proof string) (s store.Session, secret string) {
	secret, now := newSecret(), g.Now()
	return store.Session{Key: store.KeyOfSession(secret), Proof: proof, Begun: now, Seen: now, Ends: now.Add(operator.SessionLife)}, secret
}

// begin signs somebody in whose name is proven. What the same browser was signed in
// as before ends.
func (g *Gate) begin(w http.ResponseWriter, r *http.Request, s store.Session, secret, subject string) error {
	g.endLast(r)
	e := g.entry(audit.ActionSignIn, s)
	e.Object = subject
	if err := g.Sessions.PutSession(r.Context(), s, e); err != nil {
		return failed(err)
	}
	g.setCookie(w, r, sessionCookie, secret, 0)
	return nil
}

// entry says of a session what the audit keeps: its roles are the reason why its
// acts were allowed.
func (g *Gate) entry(action audit.Action, s store.Session) audit.Entry {
	return audit.Entry{At: g.Now(), Action: action, User: s.User, Certificate: s.Certificate, Interaction: s.Proof, Reason: strings.Join(s.Roles, " ")}
}

// endLast ends the session that a browser had, if there is one and it can be ended
// now. It would end by itself.
func (g *Gate) endLast(r *http.Request) {
	if last, err := g.Admit(r); err == nil {
		_ = g.end(r.Context(), last.stored)
	}
}

func (g *Gate) end(ctx context.Context, s store.Session) error {
	err := g.Sessions.EndSession(ctx, s.N, g.entry(audit.ActionSignOut, s))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return failed(err)
}

// Leave signs somebody out. elsewhere is where they can end their session at the
// identity provider too, "" where there is none.
func (g *Gate) Leave(w http.ResponseWriter, r *http.Request, s Session) (elsewhere string, err error) {
	if err := g.end(r.Context(), s.stored); err != nil {
		return "", err
	}
	g.setCookie(w, r, sessionCookie, "", -1)
	if s.Proof == byOpenID {
		elsewhere = g.logout(r)
	}
	return elsewhere, nil
}

package operator

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// How long somebody stays signed in: Idle without doing anything, SessionLife in
// all. A link that lets somebody in is good for LinkLife.
const (
	Idle        = 15 * time.Minute
	SessionLife = 12 * time.Hour
	LinkLife    = 5 * time.Minute
)

// SignInLinkPath is the page that takes a link's token.
const SignInLinkPath = "/console/sign-in/link"

// LinkRequest asks for a link that lets somebody in to the console.
type LinkRequest struct {
	// Roles are those of who uses it, of the roles of who makes it.
	Roles []Role `json:"roles" jsonschema:"viewer, operator, governance, administrator: those of who uses the link"`
	// User is who will use it; "" is who makes it.
	User string `json:"user,omitempty" jsonschema:"the name of who will use it; by default of who makes it"`
}

// Link lets somebody in once.
type Link struct {
	Path string    `json:"path" jsonschema:"its path and query, on the operations listener"`
	Ends time.Time `json:"ends" jsonschema:"until when it can be used"`
}

// mostUser is how many bytes a name may have.
const mostUser = 200

// signInLink makes a link that lets somebody in once, within minutes. Nobody can
// hand on a role that they lack.
func (d Desk) signInLink(ctx context.Context, r LinkRequest) (Link, error) {
	user := r.User
	if user == "" {
		user = d.User
	}
	if user == "" || len(user) > mostUser {
		return Link{}, expected("user", "a name of at most "+strconv.Itoa(mostUser)+" bytes", "")
	}
	if len(r.Roles) == 0 {
		return Link{}, expected("roles", "at least one role", "")
	}
	var roles []string
	for _, role := range r.Roles {
		if !slices.Contains(AllRoles, role) {
			return Link{}, expected("roles", "viewer, operator, governance or administrator", string(role))
		}
		if err := d.may(role); err != nil {
			return Link{}, err
		}
		if !slices.Contains(roles, string(role)) {
			roles = append(roles, string(role))
		}
	}
	token, ends := rand.Text()+rand.Text(), d.Now().Add(LinkLife)
	e := d.entry(audit.ActionSignInLink, user)
	e.Reason = strings.Join(roles, " ")
	if err := d.Store.PutSignInLink(ctx, store.SignInLink{Key: store.KeyOfSession(token), User: user, Roles: roles, Ends: ends}, e); err != nil {
		return Link{}, err
	}
	return Link{Path: SignInLinkPath + "?" + url.Values{"token": {token}}.Encode(), Ends: ends}, nil
}

// SessionOf is a session as operators see it: without what would let them take it
// over.
type SessionOf struct {
	N           int64     `json:"session"`
	User        string    `json:"user"`
	Proof       string    `json:"proof" jsonschema:"how the name was proven"`
	Certificate string    `json:"certificate,omitempty"`
	Roles       []string  `json:"roles"`
	Begun       time.Time `json:"begun"`
	Seen        time.Time `json:"seen" jsonschema:"when somebody last did something, to the minute"`
	Ends        time.Time `json:"ends" jsonschema:"the latest moment of its end"`
}

// sessions lists those who are signed in, in the order in which they came.
func (d Desk) sessions(ctx context.Context, p Paging) (none Page[SessionOf], err error) {
	l, err := list[int64](d, "sessions", nil, p)
	if err != nil {
		return none, err
	}
	now := d.Now()
	rows, err := d.Store.SessionsAfter(ctx, l.after, now.Add(-Idle), now, l.limit+1)
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(s store.Session) int64 { return s.N })
	return shown(found, err, func(s store.Session) (SessionOf, error) {
		return SessionOf{N: s.N, User: s.User, Proof: s.Proof, Certificate: s.Certificate, Roles: s.Roles, Begun: s.Begun, Seen: s.Seen, Ends: s.Ends}, nil
	})
}

// SessionRef names a session.
type SessionRef struct {
	N int64 `path:"session"`
}

// endSession ends somebody's session, on every node at once.
func (d Desk) endSession(ctx context.Context, ref SessionRef) (None, error) {
	number := strconv.FormatInt(ref.N, 10)
	return None{}, named(d.Store.EndSession(ctx, ref.N, d.entry(audit.ActionEndSession, number)), "session", number)
}

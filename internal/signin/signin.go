// Package signin finds out who uses the console in a browser, and what they may do:
// by OpenID Connect, by a client certificate, or by a link that lets somebody in
// once. Whoever has proven their name has a session, which is in the store and so
// holds on every node.
package signin

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"nems/internal/audit"
	"nems/internal/operator"
	"nems/internal/store"
)

// Sessions keeps who has signed in. What is put is on disk, with its audit entry,
// when the method returns, and known to every node. Safe for concurrent use.
type Sessions interface {
	// PutSession keeps a new session; its key is new.
	PutSession(ctx context.Context, s store.Session, e audit.Entry) error
	// Session finds a session by its key, also one that has ended by its times;
	// store.ErrNotFound where there is none.
	Session(ctx context.Context, key store.SessionKey) (store.Session, error)
	// SeeSession notes that a session is used. Nobody waits for it, and an earlier
	// moment changes nothing.
	SeeSession(key store.SessionKey, at time.Time) error
	// EndSession is operator.Visitors'.
	EndSession(ctx context.Context, n int64, e audit.Entry) error
	// UseSignInLink begins a session for a link that has not ended at its beginning:
	// the user and the roles (the entry's reason) are the link's. Of several who use a
	// link one alone succeeds; the others get store.ErrNotFound.
	UseSignInLink(ctx context.Context, key store.SessionKey, s store.Session, e audit.Entry) (store.Session, error)
	// Record is mailbox.Recorder's.
	Record(e audit.Entry)
}

// Config says how people sign in. A link is always a way.
type Config struct {
	Sessions Sessions
	// Certificates give roles to the names in client certificates.
	Certificates Roles
	// OpenID is the identity provider; nil if there is none.
	OpenID *OpenID
	// Base is the scheme and host by which a browser reaches the console, "" when
	// that cannot be told.
	Base func(*http.Request) string
	Now  func() time.Time
	Log  *slog.Logger
}

// How a name was proven, as the audit has it.
const (
	byOpenID      = "sign-in:openid"
	byCertificate = "sign-in:certificate"
	byLink        = "sign-in:link"
)

// Root is the path below which all lies that a browser may be led back to.
const Root = "/console/"

// Gate lets people in.
type Gate struct {
	Config
	guesses guesses
	cross   *http.CrossOriginProtection
}

// New returns a gate.
func New(c Config) *Gate { return &Gate{Config: c, cross: http.NewCrossOriginProtection()} }

func unauthenticated(message string) error {
	return &operator.Error{Code: operator.Unauthenticated, Message: message}
}

func forbidden(message string) error {
	return &operator.Error{Code: operator.Forbidden, Message: message}
}

// failed makes an operator's error of one of the store: that it is away ends no
// session.
func failed(err error) error {
	if store.Temporary(err) {
		return &operator.Error{Code: operator.Busy, Message: "the store does not answer now"}
	}
	return err
}

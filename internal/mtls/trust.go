package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
)

// trust keeps the issuers whose client certificates a listener accepts, and what
// they have revoked. Both are files that are read again when they change. A
// change applies to open connections too: a request ends its connection if the
// connection's certificate is no longer accepted.
type trust struct {
	listener             string
	watch                *Watch
	issuers, revocations watched // used only by load
	current              atomic.Pointer[anchors]

	// The revocation lists that have been in force; used by load and save.
	memory     Memory // nil: nothing is remembered
	seen       []seenList
	remembered bool // memory holds seen

	// What has been logged; used only by renew.
	said    string // about files that cannot be used
	expired int64  // the generation with a list that has expired
}

// openTrust reads the files for the first time, and compares them with what was in
// force before this start.
func openTrust(ctx context.Context, listener string, f Files, m Memory, w *Watch) (t *trust, err error) {
	t = &trust{listener: listener, watch: w, issuers: watched{path: f.ClientCA}, revocations: watched{path: f.ClientCRL}, memory: m}
	if t.revocations.path != "" {
		if t.seen, err = recall(ctx, m, listener); err != nil {
			return nil, err
		}
	}
	if _, err := t.load(); err != nil {
		return nil, err
	}
	return t, t.save(ctx)
}

// save makes the memory remember the lists in force.
func (t *trust) save(ctx context.Context) error {
	if t.remembered || t.revocations.path == "" {
		return nil
	}
	err := remember(ctx, t.memory, t.listener, t.seen)
	t.remembered = err == nil
	return err
}

// load reads the files if they have changed, and reports whether they had. If
// they cannot be read, the last good reading stays in force.
func (t *trust) load() (changed bool, err error) {
	// If a changed file turns out to be wrong, it is read again next time.
	issuers, revocations := t.issuers, t.revocations
	ca, caChanged, err := t.issuers.read()
	if err != nil {
		return false, err
	}
	crl, crlChanged, err := t.revocations.read()
	if err != nil || !caChanged && !crlChanged && t.current.Load() != nil {
		return false, err
	}
	next, err := readAnchors(ca, crl)
	last := t.current.Load()
	if err == nil && t.revocations.path != "" {
		err = next.replaces(t.seen)
	}
	if err != nil {
		t.issuers, t.revocations = issuers, revocations
		return false, err
	}
	next.generation = 1
	if last != nil {
		next.generation = last.generation + 1
	}
	t.current.Store(next)
	if t.revocations.path != "" {
		t.seen, t.remembered = followed(t.seen, next.lists), false
	}
	t.watch.trusts(t.listener, next)
	if last != nil {
		t.watch.lost(t.listener, last, next)
	}
	return true, nil
}

// errRefused ends a handshake; the alert says no more than that.
var errRefused = errors.New("the client certificate is not accepted")

// admit is the last step of a handshake.
func (t *trust) admit(state tls.ConnectionState) error {
	if t.current.Load().unrevoked(state.VerifiedChains) == nil {
		return errRefused
	}
	return nil
}

// checkedKey is the key, in the context of a connection's requests, of what is known of
// its certificate.
type checkedKey struct{}

// checked is what is known of the certificate of a connection.
type checked struct {
	trust        *trust
	generation   atomic.Int64 // of the anchors that it was last checked against
	certificates atomic.Pointer[[]*x509.Certificate]
}

// guard checks the certificate of each request against the present anchors,
// because a connection may outlive the right to it. Such a connection is ended
// without an answer, as a new one would be. server must be the handler's.
func (t *trust) guard(server *http.Server, next http.Handler) http.Handler {
	server.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, checkedKey{}, &checked{trust: t})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := r.Context().Value(checkedKey{}).(*checked)
		if known.certificates.Load() == nil {
			known.certificates.Store(&r.TLS.PeerCertificates)
		}
		if reason := known.wrong(); reason != "" {
			t.watch.turnAway(t.listener, r.RemoteAddr, reason, "on an open connection")
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// wrong says why the certificate is not accepted at this moment; "" if it is.
func (c *checked) wrong() string {
	current, now, certificates := c.trust.current.Load(), c.trust.watch.now(), *c.certificates.Load()
	if c.generation.Load() != current.generation {
		if err := current.verify(certificates, now); err != nil {
			return handshakeReason(err.Error())
		}
		c.generation.Store(current.generation)
	}
	if now.After(certificates[0].NotAfter) {
		return "expired"
	}
	return ""
}

// Accepted reports whether the certificate of the connection behind a request is still
// accepted, for answers that take long. It is true where no certificate is asked for.
func Accepted(ctx context.Context) bool {
	known, guarded := ctx.Value(checkedKey{}).(*checked)
	return !guarded || known.wrong() == ""
}

// renew reads changed files again, and says when a revocation list has expired.
// The list stays in force, but newer revocations may be missing from it.
func (t *trust) renew(ctx context.Context) {
	changed, err := t.load()
	switch {
	case err != nil && err.Error() != t.said:
		t.said = err.Error()
		t.watch.reloaded(t.listener, clientFiles, err)
	case changed:
		t.said = ""
		t.watch.reloaded(t.listener, clientFiles, nil)
	}
	if err := t.save(ctx); err != nil && ctx.Err() == nil {
		t.watch.log.Warn("certificates: the revocation lists in force are not remembered yet", "listener", t.listener, "error", err)
	}
	current := t.current.Load()
	if at := current.expires; !at.IsZero() && t.watch.now().After(at) && t.expired != current.generation {
		t.expired = current.generation
		t.watch.log.Error("certificates: a revocation list has expired", "listener", t.listener, "since", at)
	}
}

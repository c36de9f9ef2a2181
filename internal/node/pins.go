package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// pins are the issuers whose client certificates a listener accepts, and what
// they have revoked. Both are files that are read again when they change. They
// are in force on open connections too: a request on a connection whose
// certificate is no longer accepted ends it.
type pins struct {
	listener             string
	watch                *tlsWatch
	issuers, revocations watched // touched by load alone
	now                  func() time.Time
	current              atomic.Pointer[pinned]

	// Of the revocation lists that have been in force; touched by load and save.
	memory     *listMemory
	seen       []seenList
	remembered bool // memory has seen
}

// open reads the files for the first time, and holds them against what was in
// force before this start.
func (p *pins) open(ctx context.Context) (err error) {
	if p.revocations.path != "" {
		if p.seen, err = p.memory.recall(ctx, p.listener); err != nil {
			return err
		}
	}
	if _, err := p.load(); err != nil {
		return err
	}
	return p.save(ctx)
}

// save has the lists in force remembered.
func (p *pins) save(ctx context.Context) error {
	if p.remembered || p.revocations.path == "" {
		return nil
	}
	err := p.memory.remember(ctx, p.listener, p.seen)
	p.remembered = err == nil
	return err
}

// pinned is one reading of the files. It is never changed.
type pinned struct {
	generation int64
	pool       *x509.CertPool
	revoked    map[string]bool // by revocationKey
	expires    time.Time       // of the first revocation list to expire; zero without one
	issuers    []*x509.Certificate
	lists      []seenList
}

// load reads the files if they have changed, and tells whether they had. What
// cannot be read leaves the last good reading in force.
func (p *pins) load() (changed bool, err error) {
	// A file that was taken up and turns out to be wrong is read again next time.
	issuers, revocations := p.issuers, p.revocations
	ca, caChanged, err := p.issuers.read()
	if err != nil {
		return false, err
	}
	crl, crlChanged, err := p.revocations.read()
	if err != nil || !caChanged && !crlChanged && p.current.Load() != nil {
		return false, err
	}
	next, err := readPinned(ca, crl)
	last := p.current.Load()
	if err == nil && p.revocations.path != "" {
		err = next.replaces(p.seen)
	}
	if err != nil {
		p.issuers, p.revocations = issuers, revocations
		return false, err
	}
	next.generation = 1
	if last != nil {
		next.generation = last.generation + 1
	}
	p.current.Store(next)
	if p.revocations.path != "" {
		p.seen, p.remembered = followed(p.seen, next.lists), false
	}
	p.watch.trusts(p.listener, next.issuers)
	return true, nil
}

// readPinned reads issuers (PEM) and the revocation lists that they signed (PEM,
// several, or one in DER).
func readPinned(ca, crl []byte) (*pinned, error) {
	p := &pinned{pool: x509.NewCertPool(), revoked: map[string]bool{}}
	var err error
	if p.issuers, err = readIssuers(ca); err != nil {
		return nil, fmt.Errorf("client-ca: %w", err)
	}
	for _, issuer := range p.issuers {
		p.pool.AddCert(issuer)
	}
	for len(bytes.TrimSpace(crl)) > 0 {
		block, rest := pem.Decode(crl)
		if block == nil {
			block, rest = &pem.Block{Bytes: crl}, nil
		}
		if err := p.revoke(block.Bytes); err != nil {
			return nil, fmt.Errorf("client-crl: %w", err)
		}
		crl = rest
	}
	return p, nil
}

// readIssuers reads certificates in PEM, with text before each of them. A file that
// was cut short in one, or holds what can issue nothing, is refused.
func readIssuers(text []byte) (issuers []*x509.Certificate, err error) {
	begun := bytes.Count(text, []byte("-----BEGIN"))
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		issuer, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		constrained := issuer.Version < 3 || issuer.BasicConstraintsValid && issuer.IsCA
		if !constrained || issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("%s is no certificate authority: its basic constraints or key usage do not let it issue any", issuer.Subject)
		}
		issuers, text = append(issuers, issuer), rest
	}
	switch {
	case begun != len(issuers) || len(issuers) > 0 && len(bytes.TrimSpace(text)) > 0:
		return nil, fmt.Errorf("the file is cut short or damaged behind certificate %d", len(issuers))
	case len(issuers) == 0:
		return nil, errors.New("holds no certificate in PEM")
	}
	return issuers, nil
}

// deltaIndicator marks a list that has only what is new since another (RFC 5280,
// section 5.2.4).
var deltaIndicator = asn1.ObjectIdentifier{2, 5, 29, 27}

// revoke adds a revocation list, which one of the issuers must have signed.
func (p *pinned) revoke(der []byte) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(deltaIndicator) }) {
		return errors.New("a revocation list is a delta: expected complete ones")
	}
	for _, issuer := range p.issuers {
		if !bytes.Equal(issuer.RawSubject, list.RawIssuer) || list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		for _, entry := range list.RevokedCertificateEntries {
			p.revoked[revocationKey(list.RawIssuer, entry.SerialNumber.Bytes())] = true
		}
		if p.expires.IsZero() || list.NextUpdate.Before(p.expires) {
			p.expires = list.NextUpdate
		}
		p.lists = append(p.lists, newSeenList(list, issuer))
		return nil
	}
	return errors.New("a revocation list is signed by none of the issuers in client-ca")
}

// trusts tells whether the issuer with a key is accepted.
func (p *pinned) trusts(key string) bool {
	return slices.ContainsFunc(p.issuers, func(c *x509.Certificate) bool { return keyOf(c) == key })
}

// replaces refuses a reading that would let in whom an earlier one kept out: one
// without a list, or without one that was in force and has no successor.
func (p *pinned) replaces(seen []seenList) error {
	if len(p.lists) == 0 {
		return errors.New("client-crl: holds no revocation list")
	}
	for _, s := range seen {
		if p.trusts(s.Issuer) { // otherwise the issuer itself is gone
			if err := s.givesWay(seen, p.lists); err != nil {
				return err
			}
		}
	}
	return nil
}

func revocationKey(issuer, serial []byte) string { return string(issuer) + "/" + string(serial) }

// unrevoked picks the first chain none of whose certificates is revoked.
func (p *pinned) unrevoked(chains [][]*x509.Certificate) []*x509.Certificate {
chains:
	for _, chain := range chains {
		for _, c := range chain {
			if p.revoked[revocationKey(c.RawIssuer, c.SerialNumber.Bytes())] {
				continue chains
			}
		}
		return chain
	}
	return nil
}

// verify builds the chain of a client certificate again: errRefused where every
// chain holds one that is revoked.
func (p *pinned) verify(certificates []*x509.Certificate, now time.Time) error {
	options := x509.VerifyOptions{
		Roots: p.pool, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range certificates[1:] {
		options.Intermediates.AddCert(c)
	}
	chains, err := certificates[0].Verify(options)
	if err == nil && p.unrevoked(chains) == nil {
		err = errRefused
	}
	return err
}

// admit is the last step of a handshake.
func (p *pins) admit(state tls.ConnectionState) error {
	if p.current.Load().unrevoked(state.VerifiedChains) == nil {
		return errRefused
	}
	return nil
}

// checkedKey finds, in the context of a connection's requests, the generation
// of the pins that its certificate was last held against.
type checkedKey struct{}

// guard holds each request's certificate against the pins as they are now: a
// connection may have lived longer than the right to it. It is ended without an
// answer, as a new one would be. server must be the handler's.
func (p *pins) guard(server *http.Server, next http.Handler) http.Handler {
	server.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, checkedKey{}, new(atomic.Int64))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current, now := p.current.Load(), p.now()
		checked := r.Context().Value(checkedKey{}).(*atomic.Int64)
		if checked.Load() != current.generation {
			if err := current.verify(r.TLS.PeerCertificates, now); err != nil {
				p.watch.turnAway(p.listener, r.RemoteAddr, handshakeReason(err.Error()), "on an open connection")
				panic(http.ErrAbortHandler)
			}
			checked.Store(current.generation)
		}
		if now.After(r.TLS.PeerCertificates[0].NotAfter) {
			p.watch.turnAway(p.listener, r.RemoteAddr, "expired", "on an open connection")
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// expires is the moment from which a revocation list is out of date, in seconds
// since 1970; 0 without a list.
func (p *pins) expires() float64 {
	if at := p.current.Load().expires; !at.IsZero() {
		return float64(at.Unix())
	}
	return 0
}

// follow takes up changed files until the context ends, and says when a
// revocation list has expired: it stays in force, but newer revocations may be
// missing from it.
func (p *pins) follow(ctx context.Context) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	var said string
	var expired int64 // generation whose expiry was logged
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		changed, err := p.load()
		switch {
		case err != nil && err.Error() != said:
			said = err.Error()
			p.watch.reloaded(p.listener, clientFiles, err)
		case changed:
			said = ""
			p.watch.reloaded(p.listener, clientFiles, nil)
		}
		if err := p.save(ctx); err != nil && ctx.Err() == nil {
			p.watch.log.Warn("certificates: the revocation lists in force are not remembered yet", "listener", p.listener, "error", err)
		}
		current := p.current.Load()
		if at := current.expires; !at.IsZero() && p.now().After(at) && expired != current.generation {
			expired = current.generation
			p.watch.log.Error("certificates: a revocation list has expired", "listener", p.listener, "since", at)
		}
	}
}

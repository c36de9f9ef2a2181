package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"
)

// Files are the files for the TLS of a listener. Each is in PEM, unless stated
// otherwise, and may be replaced while it is in use.
type Files struct {
	// Cert and Key are the listener's own certificate with its private key.
	Cert, Key string
	// ClientCA holds the issuers of the client certificates that are required;
	// if it is "", none are required.
	ClientCA string
	// ClientCRL holds the revocation lists of those issuers, in PEM or DER; ""
	// means none.
	ClientCRL string
	// ProxyName is the name in the certificate of a proxy that forwards its
	// callers' certificates in the header ProxyHeader; "" means that there is
	// none.
	ProxyName, ProxyHeader string
}

// Server is the TLS of one listener.
type Server struct {
	files Files
	pair  *keyPair
	trust *trust // nil if no client certificates are required
	now   func() time.Time
}

// Open reads the files of a listener. It refuses revocation lists that are older
// than those that m remembers as in force. A nil Memory remembers nothing.
func Open(ctx context.Context, listener string, f Files, m Memory, w *Watch) (*Server, error) {
	pair, err := openKeyPair(listener, f.Cert, f.Key, x509.ExtKeyUsageServerAuth, w)
	if err != nil {
		return nil, err
	}
	s := &Server{files: f, pair: pair, now: w.now}
	if f.ClientCA != "" {
		s.trust, err = openTrust(ctx, listener, f, m, w)
	}
	return s, err
}

// Config returns the TLS configuration: it presents the listener's certificate
// and, if there are issuers, requires client certificates from them.
func (s *Server) Config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.pair.get, Time: s.now}
	if s.trust == nil {
		return c
	}
	// A resumed session would skip the verification of the certificate.
	c.SessionTicketsDisabled = true
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.VerifyConnection = s.trust.admit
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		config := c.Clone()
		config.GetConfigForClient = nil
		config.ClientCAs = s.trust.current.Load().pool
		return config, nil
	}
	return c
}

// Guard makes the handler of a server receive only requests whose certificate is
// accepted at that moment. It uses the server's ConnContext.
func (s *Server) Guard(server *http.Server) {
	if s.trust != nil {
		server.Handler = s.trust.guard(server, s.trust.proxied(s.files.ProxyName, s.files.ProxyHeader, server.Handler))
	}
}

// Follow reads changed files again until the context ends, even while nobody connects.
func (s *Server) Follow(ctx context.Context) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		_, _ = s.pair.get(nil) // there is a good one by now
		if s.trust != nil {
			s.trust.renew(ctx)
		}
	}
}

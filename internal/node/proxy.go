package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"nems/internal/spine"
)

// errProxyHeader says that the header of a proxy holds no certificate; the
// caller then has none.
var errProxyHeader = errors.New("the header holds no certificate")

// proxied lets a proxy that ends the callers' TLS hand over their certificates
// in a header. It is believed only on connections whose own certificate bears
// the proxy's name: on all others the header means nothing. The certificate in
// it must come straight from a pinned issuer and be unrevoked, as if it had
// come by TLS; a request of the proxy without one has no certificate.
func (p *pins) proxied(l Listener, next http.Handler) http.Handler {
	if l.ProxyName == "" {
		return next
	}
	name := strings.ToLower(l.ProxyName)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(spine.CertificateNames(r.TLS.PeerCertificates[0]), name) {
			next.ServeHTTP(w, r)
			return
		}
		// The proxy's own certificate must not pass for the caller's.
		state := *r.TLS
		state.PeerCertificates, state.VerifiedChains = nil, nil
		if c, err := readProxyHeader(r.Header.Values(l.ProxyHeader)); err == nil && p.accepts(c) {
			state.PeerCertificates, state.VerifiedChains = []*x509.Certificate{c}, [][]*x509.Certificate{{c}}
		}
		next.ServeHTTP(w, withTLS(viaProxy(r), &state))
	})
}

// accepts holds a certificate that did not come by TLS against the pins.
func (p *pins) accepts(c *x509.Certificate) bool {
	return p.current.Load().verify([]*x509.Certificate{c}, p.now()) == nil
}

// withTLS returns the request as if it had come over another connection.
func withTLS(r *http.Request, state *tls.ConnectionState) *http.Request {
	copied := r.WithContext(r.Context())
	copied.TLS = state
	return copied
}

// readProxyHeader reads the certificate from the values of the header: base64
// between colons (RFC 9440, section 2.2) or PEM in percent encoding, as nginx
// writes $ssl_client_escaped_cert.
func readProxyHeader(values []string) (*x509.Certificate, error) {
	if len(values) != 1 {
		return nil, errProxyHeader
	}
	value := strings.TrimSpace(values[0])
	if len(value) > 1 && value[0] == ':' && value[len(value)-1] == ':' {
		der, err := base64.StdEncoding.DecodeString(value[1 : len(value)-1])
		if err != nil {
			return nil, errProxyHeader
		}
		return x509.ParseCertificate(der)
	}
	// A plus in base64 stands for itself: PathUnescape leaves it alone.
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, errProxyHeader
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errProxyHeader
	}
	return x509.ParseCertificate(block.Bytes)
}

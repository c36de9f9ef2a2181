package mtls

import (
	"context"
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

// These errors say why the header of a proxy contains no certificate; the caller then has none.
var (
	errNoHeader    = errors.New("no certificate")
	errProxyHeader = errors.New("malformed")
	errTwice       = errors.New("given more than once")
)

// proxied lets a proxy that ends the callers' TLS forward their certificates in
// a header. The header is used only on connections whose own certificate has
// the proxy's name; on all others it is ignored. The certificate in it must be
// issued directly by a trusted issuer and must not be revoked, as if it had
// come by TLS. A request of the proxy without the header has no certificate.
func (t *trust) proxied(name, header string, next http.Handler) http.Handler {
	if name == "" {
		return next
	}
	name = strings.ToLower(name)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(spine.CertificateNames(r.TLS.PeerCertificates[0]), name) {
			next.ServeHTTP(w, r)
			return
		}
		// The proxy's own certificate must not be used as the caller's.
		state := *r.TLS
		state.PeerCertificates, state.VerifiedChains = nil, nil
		c, err := readProxyHeader(r.Header.Values(header))
		if err == nil {
			err = t.current.Load().verify([]*x509.Certificate{c}, t.watch.now())
		}
		switch {
		case err == nil:
			state.PeerCertificates, state.VerifiedChains = []*x509.Certificate{c}, [][]*x509.Certificate{{c}}
		case err != errNoHeader:
			reason := handshakeReason(err.Error())
			t.watch.turnAway(t.listener, r.RemoteAddr, reason, "a certificate in the header of the proxy")
			r = r.WithContext(spine.WithCertificateFault(r.Context(), reason))
		}
		next.ServeHTTP(w, withTLS(viaProxy(r), &state))
	})
}

// proxyKey marks requests from a proxy that is known by its certificate.
type proxyKey struct{}

func viaProxy(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), proxyKey{}, true))
}

// ViaProxy reports whether a request came through the proxy that is known by
// its certificate.
func ViaProxy(r *http.Request) bool { return r.Context().Value(proxyKey{}) != nil }

// withTLS returns the request as if it had come over another connection.
func withTLS(r *http.Request, state *tls.ConnectionState) *http.Request {
	copied := r.WithContext(r.Context())
	copied.TLS = state
	return copied
}

// readProxyHeader reads the certificate from the values of the header: base64
// between colons (RFC 9440, section 2.2), or PEM with percent encoding, as
// nginx writes $ssl_client_escaped_cert.
func readProxyHeader(values []string) (*x509.Certificate, error) {
	switch len(values) {
	case 0:
		return nil, errNoHeader
	case 1:
	default:
		return nil, errTwice
	}
	value := strings.TrimSpace(values[0])
	if len(value) > 1 && value[0] == ':' && value[len(value)-1] == ':' {
		der, err := base64.StdEncoding.DecodeString(value[1 : len(value)-1])
		if err != nil {
			return nil, errProxyHeader
		}
		return parseProxied(der)
	}
	// PathUnescape leaves a plus alone, which is part of base64.
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, errProxyHeader
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errProxyHeader
	}
	return parseProxied(block.Bytes)
}

func parseProxied(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errProxyHeader
	}
	return c, nil
}

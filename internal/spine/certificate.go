package spine

import (
	"context"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"

	"nems/internal/nhs"
)

// CertificateNames returns, in small letters, the names that a verified client
// certificate identifies: its DNS names and its common name, where endpoint
// certificates of the Spine have their FQDN (Spine Core, "TLS Mutual
// Authentication"). The result is never nil: a certificate without names
// matches no registration, which is different from having no certificate.
func CertificateNames(c *x509.Certificate) []string {
	names := make([]string, 0, len(c.DNSNames)+1)
	for _, name := range append(slices.Clone(c.DNSNames), c.Subject.CommonName) {
		// Letters outside ASCII can fold into other systems' names.
		if _, ok := nhs.FoldID(strings.TrimSpace(name)); !ok {
			continue
		}
		if name = strings.ToLower(strings.TrimSpace(name)); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// PeerNames returns the names of the client certificate that TLS has verified for
// a request; nil when there is none.
func PeerNames(r *http.Request) []string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return CertificateNames(r.TLS.VerifiedChains[0][0])
}

// faultKey is the key, in a request's context, of what was wrong with its certificate.
type faultKey struct{}

// WithCertificateFault records in the context why a certificate that came with
// a request was not accepted, in words that may be shown to the caller.
func WithCertificateFault(ctx context.Context, reason string) context.Context {
	return context.WithValue(ctx, faultKey{}, reason)
}

// receivedInstead says what was received instead of a verified certificate.
func receivedInstead(ctx context.Context) string {
	if reason, _ := ctx.Value(faultKey{}).(string); reason != "" {
		return "one that was not accepted (" + reason + ")"
	}
	return "none"
}

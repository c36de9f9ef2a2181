package mtls

import (
	"context"
	"crypto/x509"
	"time"
)

// ServerCertificate reads the certificate that a listener would present.
func ServerCertificate(f Files) (*x509.Certificate, error) {
	pair, err := readKeyPair(f.Cert, f.Key, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	return pair.Leaf, nil
}

// Trusted describes what a listener would trust.
type Trusted struct {
	Issuers, Lists int
	// ListsExpire is when the first revocation list expires; zero without one.
	ListsExpire time.Time
}

// Inspect reads the issuers and revocation lists of a listener as Open does.
func Inspect(ctx context.Context, listener string, f Files, m Memory, w *Watch) (Trusted, error) {
	t, err := openTrust(ctx, listener, f, m, w)
	if err != nil {
		return Trusted{}, err
	}
	a := t.current.Load()
	return Trusted{Issuers: len(a.issuers), Lists: len(a.lists), ListsExpire: a.expires}, nil
}

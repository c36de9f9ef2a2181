package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
)

// keyPair is a certificate with its key on disk. It is read again when a file
// has changed, so that a renewed certificate needs no restart.
type keyPair struct {
	name      string // of the listener or connection that presents it
	cert, key string
	use       x509.ExtKeyUsage // what the certificate is presented for
	watch     *Watch

	mu     sync.Mutex
	stamps [2]stamp // of the files that pair was read from
	failed [2]stamp // of the files that could not be used
	pair   *tls.Certificate
}

// openKeyPair reads a certificate with its key for the first time.
func openKeyPair(name, cert, key string, use x509.ExtKeyUsage, watch *Watch) (*keyPair, error) {
	k := &keyPair{name: name, cert: cert, key: key, use: use, watch: watch}
	_, err := k.get(nil)
	return k, err
}

// get returns the pair as it is on disk now. While the files do not fit
// together it returns the last good pair, so that a half-written renewal does
// not interrupt the service.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	stamps := [2]stamp{stampOf(k.cert), stampOf(k.key)}
	if k.pair != nil && (stamps == k.stamps || stamps == k.failed) {
		return k.pair, nil
	}
	pair, err := readKeyPair(k.cert, k.key, k.use)
	if k.pair == nil && err != nil {
		return nil, err
	}
	if k.pair != nil {
		k.watch.reloaded(k.name, ownFiles, err)
	}
	if err != nil {
		k.failed = stamps
		return k.pair, nil
	}
	k.pair, k.stamps, k.failed = pair, stamps, [2]stamp{}
	k.watch.owns(k.name, pair.Leaf)
	return k.pair, nil
}

// readKeyPair reads a certificate with its key, and refuses a certificate that
// is not for the use, because no peer would accept it.
func readKeyPair(cert, key string, use x509.ExtKeyUsage) (*tls.Certificate, error) {
	chain, err := readRegular(cert)
	if err != nil {
		return nil, err
	}
	secret, err := readRegular(key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		return nil, err
	}
	uses := pair.Leaf.ExtKeyUsage
	if len(uses) > 0 && !slices.Contains(uses, use) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		return nil, fmt.Errorf("%s: its extended key usage does not allow %s", cert, map[x509.ExtKeyUsage]string{
			x509.ExtKeyUsageServerAuth: "a server's (serverAuth)", x509.ExtKeyUsageClientAuth: "a client's (clientAuth)"}[use])
	}
	return &pair, nil
}

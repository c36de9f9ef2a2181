package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"nems/internal/spine"
)

// tlsConfig shows a listener's certificate and, when it names issuers, demands
// client certificates from them. pins is nil when it names none.
func tlsConfig(ctx context.Context, name string, l Listener, pair *keyPair, now func() time.Time, watch *tlsWatch, memory *listMemory) (*tls.Config, *pins, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get, Time: now}
	if l.ClientCA == "" {
		return c, nil, nil
	}
	p := &pins{listener: name, watch: watch, issuers: watched{path: l.ClientCA}, revocations: watched{path: l.ClientCRL}, now: now, memory: memory}
	if err := p.open(ctx); err != nil {
		return nil, nil, err
	}
	// A resumed session would skip the verification of the certificate.
	c.SessionTicketsDisabled = true
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.VerifyConnection = p.admit
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		config := c.Clone()
		config.GetConfigForClient = nil
		config.ClientCAs = p.current.Load().pool
		return config, nil
	}
	return c, p, nil
}

// keyPair is a certificate with its key on disk, read again when a file has
// changed, so that a renewed certificate needs no restart.
type keyPair struct {
	name      string // of the listener or connection that shows it
	cert, key string
	use       x509.ExtKeyUsage // what the certificate is shown for
	watch     *tlsWatch

	mu     sync.Mutex
	stamps [2]stamp // of the files that pair was read from
	failed [2]stamp // of those that could not be taken up
	pair   *tls.Certificate
}

// openKeyPair reads a certificate with its key for the first time.
func openKeyPair(name, cert, key string, use x509.ExtKeyUsage, watch *tlsWatch) (*keyPair, error) {
	k := &keyPair{name: name, cert: cert, key: key, use: use, watch: watch}
	_, err := k.get(nil)
	return k, err
}

// get returns the pair as it is on disk now; the last good one while the files
// do not fit together, so that a half-written renewal does not cut the service
// off.
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

// readKeyPair reads a certificate with its key, and refuses one that is not for
// the use: no peer would accept it.
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

// mostRegular bounds a file of certificates, keys or revocation lists, in bytes.
const mostRegular = 64 << 20

// readRegular reads a file. What is none (a FIFO, a device) is refused: to read it
// could take for ever, and hold up the stop.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: expected a regular file", path)
	}
	if info.Size() > mostRegular {
		return nil, fmt.Errorf("%s: expected %d bytes at most; it has %d", path, mostRegular, info.Size())
	}
	return os.ReadFile(path)
}

// follow takes up renewed files until the context ends, also while nobody
// connects.
func (k *keyPair) follow(ctx context.Context) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			_, _ = k.get(nil) // there is a good one by now
		}
	}
}

// stamp tells one state of a file from another without reading it.
type stamp struct {
	changed time.Time
	size    int64
}

// stampOf returns the stamp of a file; that of a missing one is zero.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// watched is a file that is read again when it changes. Used by one goroutine
// at a time.
type watched struct {
	path    string
	stamp   stamp
	content []byte
}

// read returns the content and whether it is another than at the last call. No
// path is an empty file that never changes. A file that cannot be read leaves
// everything as it was.
func (w *watched) read() (content []byte, changed bool, err error) {
	if w.path == "" {
		return nil, false, nil
	}
	s := stampOf(w.path)
	if s == w.stamp && s != (stamp{}) {
		return w.content, false, nil
	}
	content, err = readRegular(w.path)
	if err != nil {
		return w.content, false, err
	}
	w.stamp = s
	changed = !bytes.Equal(content, w.content)
	w.content = content
	return content, changed, nil
}

// errRefused ends a handshake; the alert says no more than that.
var errRefused = errors.New("the client certificate is not accepted")

// certificateNames returns the names of the client certificate that a request
// came with, nil when there is none.
func certificateNames(r *http.Request) []string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return spine.CertificateNames(r.TLS.VerifiedChains[0][0])
}

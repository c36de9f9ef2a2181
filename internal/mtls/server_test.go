package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/certs"
)

// memory is a Memory in memory.
type memory map[string][]byte

func (m memory) PutWitness(_ context.Context, name string, value []byte) error {
	m[name] = value
	return nil
}

func (m memory) Witness(_ context.Context, name string) ([]byte, error) { return m[name], nil }

// listener is a server that requires client certificates, and its authority.
type listener struct {
	*testing.T
	*Server
	authority *certs.Authority
	now       time.Time
	files     Files
	memory    memory
	watch     *Watch
	url       string

	mu      sync.Mutex
	reasons []string        // why peers were turned away
	latest  context.Context //nolint:containedctx // of the last request that was admitted
}

func listen(t *testing.T) *listener {
	t.Helper()
	now, folder := time.Now(), t.TempDir()
	authority, err := certs.NewAuthority("Issuer", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{T: t, authority: authority, now: now, memory: memory{}}
	l.files = Files{Cert: filepath.Join(folder, "cert"), Key: filepath.Join(folder, "key"), ClientCA: filepath.Join(folder, "ca"), ClientCRL: filepath.Join(folder, "crl")}
	l.watch = NewWatch(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), func() time.Time { return l.now }, func(r Refused) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.reasons = append(l.reasons, r.Reason)
	})
	own, err := authority.Server(now, time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := own.PEM()
	if err != nil {
		t.Fatal(err)
	}
	ca, _, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	l.write(l.files.Cert, cert)
	l.write(l.files.Key, key)
	l.write(l.files.ClientCA, ca)
	l.revoke(now)
	if l.Server, err = Open(t.Context(), "test", l.files, l.memory, l.watch); err != nil {
		t.Fatal(err)
	}
	l.serve()
	return l
}

// serve answers every request that is admitted.
func (l *listener) serve() {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Fatal(err)
	}
	l.url = "https://" + socket.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.latest = context.WithoutCancel(r.Context())
	}), ErrorLog: l.watch.ErrorLog("test")}
	l.Guard(server)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(tls.NewListener(socket, l.Config()))
	}()
	l.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
}

func (l *listener) write(path string, content []byte) {
	l.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		l.Fatal(err)
	}
}

// revoke writes a new revocation list.
func (l *listener) revoke(at time.Time, pairs ...certs.Pair) {
	l.Helper()
	var serials []*big.Int
	for _, pair := range pairs {
		serials = append(serials, pair.Certificate.SerialNumber)
	}
	list, err := l.authority.Revocations(at, time.Hour, serials...)
	if err != nil {
		l.Fatal(err)
	}
	l.write(l.files.ClientCRL, list)
}

// client issues a certificate and returns a function that sends a request with
// it, over one connection as long as it lasts.
func (l *listener) client() (pair certs.Pair, request func() error) {
	l.Helper()
	pair, err := l.authority.Client("a.example.nhs.uk", l.now, time.Hour)
	if err != nil {
		l.Fatal(err)
	}
	return pair, l.request(pair.TLS())
}

func (l *listener) request(shown ...tls.Certificate) func() error {
	roots := x509.NewCertPool()
	roots.AddCert(l.authority.Certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: shown}}
	l.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func() error {
		answer, err := client.Get(l.url)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
}

// told returns why peers have been turned away so far.
func (l *listener) told() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.reasons)
}

// TestRevocationEndsOpenConnections checks that a new revocation list applies to
// connections that existed before, and to new ones.
func TestRevocationEndsOpenConnections(t *testing.T) {
	l := listen(t)
	revoked, request := l.client()
	_, other := l.client()
	if err := request(); err != nil {
		t.Fatal(err)
	}
	long := l.latest
	if !Accepted(long) || !Accepted(t.Context()) {
		t.Error("an answer that takes long would end")
	}
	l.revoke(l.now.Add(time.Minute), revoked)
	l.trust.renew(t.Context())
	if Accepted(long) {
		t.Error("an answer that takes long would go on")
	}
	if err := request(); err == nil {
		t.Error("a request with a revoked certificate was answered on the open connection")
	}
	if reasons := l.told(); !slices.Contains(reasons, "revoked") {
		t.Errorf("expected a peer to be turned away as revoked; received %q", reasons)
	}
	if err := l.request(revoked.TLS())(); err == nil {
		t.Error("a revoked certificate was accepted on a new connection")
	}
	if err := other(); err != nil {
		t.Errorf("another certificate: %v", err)
	}
}

// TestLostIssuersAreTold checks that an issuer that is no longer in the file is
// no longer accepted, and that people are told this for a day, or until it is
// back.
func TestLostIssuersAreTold(t *testing.T) {
	l := listen(t)
	second, err := certs.NewAuthority("Second", l.now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := l.authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := second.PEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		ca   []byte
		told bool
	}{{slices.Concat(first, other), false}, {first, true}, {slices.Concat(first, []byte("\n")), true}, {slices.Concat(first, other), false}, {first, true}} {
		l.write(l.files.ClientCA, step.ca)
		l.trust.renew(t.Context())
		said := l.watch.Notices()
		if told := len(said) == 1 && strings.Contains(said[0], "Second"); told != step.told || len(said) > 1 {
			t.Errorf("with a file of %d bytes: %q", len(step.ca), said)
		}
	}
	l.now = l.now.Add(noticeLife)
	if said := l.watch.Notices(); len(said) > 0 {
		t.Errorf("a day later: %q", said)
	}
}

// TestNoCertificateNoAnswer checks that a caller without a certificate does not reach the handler.
func TestNoCertificateNoAnswer(t *testing.T) {
	if err := listen(t).request()(); err == nil {
		t.Error("a request without a certificate was answered")
	}
}

// TestListsAreRemembered checks that after a restart no lists are accepted that
// are older than those that were in force, unless nothing is remembered.
func TestListsAreRemembered(t *testing.T) {
	l := listen(t)
	l.revoke(l.now.Add(-time.Minute))
	if _, err := Open(t.Context(), "test", l.files, l.memory, l.watch); err == nil || !strings.Contains(err.Error(), "older than the list in force") {
		t.Errorf("an older list after a restart: %v", err)
	}
	if _, err := Inspect(t.Context(), "test", l.files, l.memory, l.watch); err == nil {
		t.Error("an inspection finds nothing")
	}
	trusted, err := Inspect(t.Context(), "test", l.files, nil, l.watch)
	if err != nil || trusted.Issuers != 1 || trusted.Lists != 1 || trusted.ListsExpire.IsZero() {
		t.Errorf("without a memory: %+v, %v", trusted, err)
	}
}

package certs_test

import (
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"nems/internal/certs"
)

var now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func authority(t *testing.T) *certs.Authority {
	t.Helper()
	a, err := certs.NewAuthority("Test", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCertificatesAreOfTheirKind(t *testing.T) {
	a := authority(t)
	server, err := a.Server(now, time.Hour, "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	client, err := a.Client("a.example.nhs.uk", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate)
	fits := func(c *x509.Certificate, use x509.ExtKeyUsage, at time.Time, host string) bool {
		_, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{use}, CurrentTime: at, DNSName: host})
		return err == nil
	}
	for _, c := range []struct {
		name        string
		certificate *x509.Certificate
		use         x509.ExtKeyUsage
		at          time.Time
		host        string
		want        bool
	}{
		{"server by name", server.Certificate, x509.ExtKeyUsageServerAuth, now, "localhost", true},
		{"server by address", server.Certificate, x509.ExtKeyUsageServerAuth, now, "127.0.0.1", true},
		{"server of another name", server.Certificate, x509.ExtKeyUsageServerAuth, now, "example.org", false},
		{"server as client", server.Certificate, x509.ExtKeyUsageClientAuth, now, "", false},
		{"client", client.Certificate, x509.ExtKeyUsageClientAuth, now, "a.example.nhs.uk", true},
		{"client as server", client.Certificate, x509.ExtKeyUsageServerAuth, now, "", false},
		{"client later", client.Certificate, x509.ExtKeyUsageClientAuth, now.Add(2 * time.Hour), "", false},
	} {
		if got := fits(c.certificate, c.use, c.at, c.host); got != c.want {
			t.Errorf("%s: expected %t; received %t", c.name, c.want, got)
		}
	}
}

func TestPKCS12HoldsCertificateKeyAndIssuer(t *testing.T) {
	a := authority(t)
	client, err := a.Client("a.example.nhs.uk", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := client.PKCS12("secret")
	if err != nil {
		t.Fatal(err)
	}
	key, certificate, issuers, err := pkcs12.DecodeChain(bundle, "secret")
	if err != nil || !client.Key.Equal(key) || !certificate.Equal(client.Certificate) || len(issuers) != 1 || !issuers[0].Equal(a.Certificate) {
		t.Errorf("%v, %d issuers", err, len(issuers))
	}
	if _, _, _, err := pkcs12.DecodeChain(bundle, "other"); err == nil {
		t.Error("another password opens it")
	}
}

// An authority can be used again from its files, and its revocation list grows.
func TestAuthorityIsKeptInFiles(t *testing.T) {
	folder := t.TempDir()
	certificate, key := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "ca.key")
	first := authority(t)
	if err := first.WriteFiles(certificate, key); err != nil {
		t.Fatal(err)
	}
	again, err := certs.ReadAuthority(certificate, key)
	if err != nil || !again.Certificate.Equal(first.Certificate) {
		t.Fatalf("read again: %v", err)
	}
	list, err := again.Revocations(now, time.Hour, big.NewInt(7), big.NewInt(8))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(list)
	parsed, err := x509.ParseRevocationList(block.Bytes)
	if err != nil || parsed.CheckSignatureFrom(first.Certificate) != nil || len(parsed.RevokedCertificateEntries) != 2 {
		t.Errorf("the revocation list: %v", err)
	}
	client, err := first.Client("a.example.nhs.uk", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.WriteFiles(certificate, key); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.ReadAuthority(certificate, key); err == nil {
		t.Error("a client certificate passes for an authority")
	}
	if serials, err := certs.RevokedIn(filepath.Join(folder, "missing.pem")); err != nil || len(serials) != 0 {
		t.Errorf("a missing list: %v, %v", serials, err)
	}
}

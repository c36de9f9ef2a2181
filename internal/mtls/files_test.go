package mtls

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/certs"
)

// TestOnlyRegularFilesAreRead checks that a device, which has no end, is not
// read; that a folder is refused; and that a FIFO is not waited for.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := exec.Command("mkfifo", fifo).Run(); err != nil {
		t.Skip("no FIFO here:", err)
	}
	for _, path := range []string{os.DevNull, t.TempDir(), fifo} {
		if _, err := readRegular(path); err == nil || !strings.Contains(err.Error(), "regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestCertificateMustFitItsUse checks that a certificate that no peer would accept does not replace
// a good one.
func TestCertificateMustFitItsUse(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a, err := certs.NewAuthority("Issuer", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Server(now, time.Hour, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	client, err := a.Client("a.example.nhs.uk", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, c := range map[string]struct {
		certs.Pair
		use  x509.ExtKeyUsage
		fits bool
	}{
		"server":           {server, x509.ExtKeyUsageServerAuth, true},
		"client":           {client, x509.ExtKeyUsageClientAuth, true},
		"client as server": {client, x509.ExtKeyUsageServerAuth, false},
		"server as client": {server, x509.ExtKeyUsageClientAuth, false},
	} {
		chain, key, err := c.PEM()
		if err != nil {
			t.Fatal(err)
		}
		cert, secret := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
		if err := errors.Join(os.WriteFile(cert, chain, 0o600), os.WriteFile(secret, key, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := readKeyPair(cert, secret, c.use); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package operator

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// MakeAuditKey makes the key that signs the audit's checkpoints: the private
// half at path, readable for its owner only, the public half, for whoever
// verifies, at path.pub. It returns os.ErrExist (wrapped) rather than replace a
// key: what it signed could not be verified any more.
func MakeAuditKey(path string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	if err := writeNew(path, 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: secret}); err != nil {
		return err
	}
	return writeNew(path+".pub", 0o644, &pem.Block{Type: "PUBLIC KEY", Bytes: open})
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, mode os.FileMode, block *pem.Block) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = pem.Encode(f, block)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// ReadAuditKey reads the private half.
func ReadAuditKey(path string) (ed25519.PrivateKey, error) {
	block, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if private, ok := key.(ed25519.PrivateKey); ok && err == nil {
		return private, nil
	}
	return nil, fmt.Errorf("%s holds no Ed25519 private key (PKCS#8)", path)
}

// ReadAuditPublicKey reads the public half, from its own file or from that of
// the private one.
func ReadAuditPublicKey(path string) (ed25519.PublicKey, error) {
	block, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	if block.Type == "PRIVATE KEY" {
		private, err := ReadAuditKey(path)
		if err != nil {
			return nil, err
		}
		return private.Public().(ed25519.PublicKey), nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if public, ok := key.(ed25519.PublicKey); ok && err == nil {
		return public, nil
	}
	return nil, fmt.Errorf("%s holds no Ed25519 public key", path)
}

func readPEM(path string) (*pem.Block, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key in PEM", path)
	}
	return block, nil
}

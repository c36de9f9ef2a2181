package operator

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	if _, err := os.Lstat(path); err == nil {
		return &os.PathError{Op: "create", Path: path, Err: os.ErrExist}
	}
	// The private half comes last: once it is there, nothing is missing.
	if err := writeWhole(path+".pub", 0o644, &pem.Block{Type: "PUBLIC KEY", Bytes: open}, os.Rename); err != nil {
		return err
	}
	return writeWhole(path, 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: secret}, os.Link)
}

// writeWhole writes a file that is there wholly or not at all, also after a
// crash or a power cut: a service whose key is an empty file does not start.
// place, os.Link or os.Rename, puts it at its path.
func writeWhole(path string, mode os.FileMode, block *pem.Block, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already after a rename
	err = errors.Join(f.Chmod(mode), pem.Encode(f, block), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
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

package certs

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// PEM returns certificate and private key (PKCS#8).
func (p Pair) PEM() (certificate, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, nil, err
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw})
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PKCS12 returns certificate, key and issuer as one file with a password, in
// the encoding that current programs read.
func (p Pair) PKCS12(password string) ([]byte, error) {
	var issuers []*x509.Certificate
	if p.Issuer != nil {
		issuers = append(issuers, p.Issuer)
	}
	return pkcs12.Modern.Encode(p.Key, p.Certificate, issuers, password)
}

// TLS returns the pair in the form of package tls.
func (p Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Certificate.Raw}, PrivateKey: p.Key, Leaf: p.Certificate}
}

// WriteFiles writes the pair as two PEM files. Only the owner can read the key.
func (p Pair) WriteFiles(certificate, key string) error {
	c, k, err := p.PEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(key, k, 0o600); err != nil {
		return err
	}
	return os.WriteFile(certificate, c, 0o644)
}

// ReadAuthority reads an authority that WriteFiles wrote.
func ReadAuthority(certificate, key string) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	private, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is not an authority made by this program", certificate)
	}
	return &Authority{Pair{Certificate: pair.Leaf, Key: private}}, nil
}

// ReadCertificate reads the first certificate of a PEM file.
func ReadCertificate(path string) (*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

// Revocations returns a revocation list (PEM) of serial numbers, valid from now
// for the given time.
func (a *Authority) Revocations(now time.Time, valid time.Duration, serials ...*big.Int) ([]byte, error) {
	list := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(valid)}
	for _, serial := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: now})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Certificate, a.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}

// RevokedIn returns the serial numbers of a revocation list that this program
// wrote; none when the file is missing.
func RevokedIn(path string) ([]*big.Int, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no revocation list in PEM", path)
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var serials []*big.Int
	for _, entry := range list.RevokedCertificateEntries {
		serials = append(serials, entry.SerialNumber)
	}
	return serials, nil
}

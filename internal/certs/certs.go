// Package certs makes throwaway certificates for trying mutual TLS and for
// tests: an authority, server and client certificates, and revocation lists.
// The keys lie unprotected next to the certificates; nothing of this is for
// production.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"
)

// Pair is a certificate with its private key (P-256).
type Pair struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
	// Issuer is the certificate that signed this one; nil for an authority.
	Issuer *x509.Certificate
}

// Authority issues certificates.
type Authority struct{ Pair }

// skew is how long before now a certificate becomes valid, so that clocks need
// not agree exactly.
const skew = time.Hour

// NewAuthority makes an authority with a name, valid from now for the given time.
func NewAuthority(name string, now time.Time, valid time.Duration) (*Authority, error) {
	template, err := template(name, now, valid)
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	pair, err := issue(template, nil)
	return &Authority{Pair: pair}, err
}

// Server issues the certificate of a server, for names and IP addresses.
func (a *Authority) Server(now time.Time, valid time.Duration, hosts ...string) (Pair, error) {
	template, err := template(hosts[0], now, valid)
	if err != nil {
		return Pair{}, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return issue(template, &a.Pair)
}

// Client issues the certificate of a calling system. The system's name (FQDN)
// is both its common name and its DNS name.
func (a *Authority) Client(name string, now time.Time, valid time.Duration) (Pair, error) {
	template, err := template(name, now, valid)
	if err != nil {
		return Pair{}, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.DNSNames = []string{name}
	return issue(template, &a.Pair)
}

// template returns what all certificates have in common.
func template(name string, now time.Time, valid time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Throwaway NEMS"}},
		NotBefore:    now.Add(-skew), NotAfter: now.Add(valid),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}, nil
}

// issue makes a key and a certificate for it. Without an issuer the certificate
// is self-signed.
func issue(template *x509.Certificate, issuer *Pair) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return Pair{}, err
	}
	pair := Pair{Key: key}
	if issuer != nil {
		pair.Issuer = issuer.Certificate
	}
	pair.Certificate, err = x509.ParseCertificate(der)
	return pair, err
}

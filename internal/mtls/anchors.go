package mtls

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// anchors is what one reading of the files contains: the trusted issuers, and what
// they have revoked. It is never changed.
type anchors struct {
	generation int64
	pool       *x509.CertPool
	revoked    map[string]bool // by revocationKey
	expires    time.Time       // of the first revocation list to expire; zero without one
	issuers    []*x509.Certificate
	lists      []seenList
}

// readAnchors reads issuers (PEM) and the revocation lists that they signed (PEM,
// several, or one in DER).
func readAnchors(ca, crl []byte) (*anchors, error) {
	a := &anchors{pool: x509.NewCertPool(), revoked: map[string]bool{}}
	var err error
	if a.issuers, err = readIssuers(ca); err != nil {
		return nil, fmt.Errorf("client-ca: %w", err)
	}
	for _, issuer := range a.issuers {
		a.pool.AddCert(issuer)
	}
	for len(bytes.TrimSpace(crl)) > 0 {
		block, rest := pem.Decode(crl)
		if block == nil {
			block, rest = &pem.Block{Bytes: crl}, nil
		}
		if err := a.revoke(block.Bytes); err != nil {
			return nil, fmt.Errorf("client-crl: %w", err)
		}
		crl = rest
	}
	return a, nil
}

// readIssuers reads certificates in PEM, with text before each of them. It refuses
// a file that is cut short within a certificate, or that contains a certificate
// that cannot issue others.
func readIssuers(text []byte) (issuers []*x509.Certificate, err error) {
	begun := bytes.Count(text, []byte("-----BEGIN"))
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		issuer, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		constrained := issuer.Version < 3 || issuer.BasicConstraintsValid && issuer.IsCA
		if !constrained || issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("%s is not a certificate authority: its basic constraints or key usage do not let it issue any", issuer.Subject)
		}
		issuers, text = append(issuers, issuer), rest
	}
	switch {
	case begun != len(issuers) || len(issuers) > 0 && len(bytes.TrimSpace(text)) > 0:
		return nil, fmt.Errorf("the file is cut short or damaged after certificate %d", len(issuers))
	case len(issuers) == 0:
		return nil, errors.New("holds no certificate in PEM")
	}
	return issuers, nil
}

// deltaIndicator marks a list that contains only what is new since another (RFC
// 5280, section 5.2.4).
var deltaIndicator = asn1.ObjectIdentifier{2, 5, 29, 27}

// revoke adds a revocation list, which must be signed by one of the issuers.
func (a *anchors) revoke(der []byte) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(deltaIndicator) }) {
		return errors.New("a revocation list is a delta: expected complete ones")
	}
	for _, issuer := range a.issuers {
		if !bytes.Equal(issuer.RawSubject, list.RawIssuer) || list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		for _, entry := range list.RevokedCertificateEntries {
			a.revoked[revocationKey(list.RawIssuer, entry.SerialNumber.Bytes())] = true
		}
		if a.expires.IsZero() || list.NextUpdate.Before(a.expires) {
			a.expires = list.NextUpdate
		}
		a.lists = append(a.lists, newSeenList(list, issuer))
		return nil
	}
	return errors.New("a revocation list is signed by none of the issuers in client-ca")
}

// trusts reports whether the issuer with a key is accepted.
func (a *anchors) trusts(key string) bool {
	return slices.ContainsFunc(a.issuers, func(c *x509.Certificate) bool { return keyOf(c) == key })
}

// replaces refuses a reading that would admit certificates that an earlier one
// refused: one without a list, or without a list that was in force and has no
// successor.
func (a *anchors) replaces(seen []seenList) error {
	if len(a.lists) == 0 {
		return errors.New("client-crl: holds no revocation list")
	}
	for _, s := range seen {
		if a.trusts(s.Issuer) { // otherwise the issuer itself is gone
			if err := s.givesWay(seen, a.lists); err != nil {
				return err
			}
		}
	}
	return nil
}

func revocationKey(issuer, serial []byte) string { return string(issuer) + "/" + string(serial) }

// unrevoked returns the first chain without a revoked certificate.
func (a *anchors) unrevoked(chains [][]*x509.Certificate) []*x509.Certificate {
chains:
	for _, chain := range chains {
		for _, c := range chain {
			if a.revoked[revocationKey(c.RawIssuer, c.SerialNumber.Bytes())] {
				continue chains
			}
		}
		return chain
	}
	return nil
}

// verify builds the chain of a client certificate again. It returns errRefused
// if every chain contains a revoked certificate.
func (a *anchors) verify(certificates []*x509.Certificate, now time.Time) error {
	options := x509.VerifyOptions{
		Roots: a.pool, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range certificates[1:] {
		options.Intermediates.AddCert(c)
	}
	chains, err := certificates[0].Verify(options)
	if err == nil && a.unrevoked(chains) == nil {
		err = errRefused
	}
	return err
}

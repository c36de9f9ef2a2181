package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// Client returns the TLS configuration for connections to a server whose
// certificate one of the issuers in ca has issued; "" means the issuers of the
// system. It presents the certificate in cert, and reads its files again when
// they are replaced; "" presents none.
func Client(connection, cert, key, ca string, w *Watch) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, Time: w.now}
	if cert != "" {
		pair, err := openKeyPair(connection, cert, key, x509.ExtKeyUsageClientAuth, w)
		if err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.get(nil) }
	}
	if ca != "" {
		text, err := readRegular(ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no certificate in it", ca)
		}
	}
	return c, nil
}

package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// Client is the TLS of a connection to a server whose certificate one of the
// issuers in ca has issued; "" stands for those of the system. It shows the
// certificate in cert, whose replaced files are taken up; "" shows none.
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

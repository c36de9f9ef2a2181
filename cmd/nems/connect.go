package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"nems/client"
)

// connection is the address of a NEMS and the identity of the caller: the flags
// that the publishing and subscribing commands share. The defaults are the dev
// world's.
type connection struct {
	URL    string `default:"http://localhost:8880" help:"Address of the NEMS."`
	ToASID string `name:"to-asid" default:"111111111111" help:"ASID of the NEMS."`
	tlsFiles
}

// tlsFiles are the certificates of a connection.
type tlsFiles struct {
	Cert string `type:"path" help:"Client certificate (PEM)."`
	Key  string `type:"path" help:"Private key of the client certificate (PEM)."`
	CA   string `name:"ca" type:"path" help:"Issuers (PEM) of the server's certificate; default: the system's."`
}

// system returns a client that calls as one system.
func (c connection) system(asid, ods string) (*client.Client, error) {
	h, err := c.httpClient()
	if err != nil {
		return nil, err
	}
	return &client.Client{URL: c.URL, ASID: asid, ODS: ods, NEMS: c.ToASID, HTTP: h}, nil
}

// httpClient returns an HTTP client with the certificates of the flags.
func (t tlsFiles) httpClient() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s contains no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	return &http.Client{Transport: transport, Timeout: time.Minute}, nil
}

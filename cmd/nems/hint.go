package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
)

// withHint adds advice to the error of a connection that could not be made.
// Other errors stay as they are.
func withHint(err error) error {
	var call *url.Error
	if !errors.As(err, &call) {
		return err
	}
	hint := hintFor(call)
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w\n%s", err, hint)
}

func hintFor(call *url.Error) string {
	var unknownName *net.DNSError
	var unknownIssuer x509.UnknownAuthorityError
	var otherName x509.HostnameError
	var alert tls.AlertError
	switch {
	case errors.Is(call, syscall.ECONNREFUSED):
		return "Nothing listens there. Start a service with " + itself() + " serve --dev, or give the address of one with --url."
	case errors.As(call, &unknownName):
		return "No host has this name: correct --url."
	case errors.As(call, &unknownIssuer):
		return "The server's certificate is from an issuer that is not known here: give --ca, with the issuers in PEM."
	case errors.As(call, &otherName):
		return "The server's certificate is for another name: correct --url, or have the name added to the certificate."
	case errors.Is(call, http.ErrSchemeMismatch):
		return "The server there does not use TLS: write http:// in --url, or give the address of the TLS listener."
	case errors.As(call, &alert):
		return "The service refused the TLS connection: it may want a client certificate (--cert, --key) of an issuer that it trusts."
	case errors.Is(call, os.ErrDeadlineExceeded), call.Timeout():
		return "The service did not answer in time: see whether it runs (its /health/ready says), and try again."
	}
	return ""
}

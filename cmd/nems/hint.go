package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"syscall"
)

// withHint adds advice to the error of a connection that could not be made, and of a
// file that could not be used. Other errors stay as they are.
func withHint(err error) error {
	var call *url.Error
	var file *fs.PathError
	hint := ""
	switch {
	case errors.As(err, &call):
		hint = hintFor(call)
	case errors.As(err, &file):
		hint = fileHint(file)
	}
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
		return "Nothing listens there. Start a service with " + itself() + " serve --dev, or give the address of one (--url, for operators' commands --operations-url)."
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

// fileHint says what to do about a file or folder that is not there, or that the
// account may not use.
func fileHint(failed *fs.PathError) string {
	switch {
	case errors.Is(failed, fs.ErrNotExist) && slices.Contains([]string{".pem", ".crt", ".cer", ".key", ".p12"}, filepath.Ext(failed.Path)):
		return "There is no such file: correct the path. nems certs DIR makes certificates and keys for trying."
	case errors.Is(failed, fs.ErrNotExist):
		return "There is no such file or folder: correct the path, or make it first."
	case errors.Is(failed, fs.ErrPermission):
		account := fmt.Sprintf("number %d", os.Getuid())
		if u, err := user.Current(); err == nil {
			account = u.Username
		}
		return fmt.Sprintf("The account %s may not do this there. ls -ld %s shows who may: change that, run the command as the other account, or name another place.", account, filepath.Dir(failed.Path))
	}
	return ""
}

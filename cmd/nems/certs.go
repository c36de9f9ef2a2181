package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nems/internal/certs"
)

// certsCmd makes throwaway certificates for trying mutual TLS.
type certsCmd struct {
	Dir      string        `arg:"" default:"certs" type:"path" help:"Folder; an authority that already exists there is used again."`
	Host     []string      `default:"localhost,127.0.0.1,::1" env:"-" help:"Names and addresses of the server."`
	Client   []string      `env:"-" help:"Name (FQDN) of a client certificate; may be repeated."`
	Revoke   []string      `env:"-" help:"Revoke the client certificate with this name; may be repeated."`
	Password string        `default:"changeit" env:"-" help:"Password of the PKCS#12 files."`
	Valid    time.Duration `default:"8760h" env:"-" help:"How long the certificates are valid."`
}

// Run makes the authority and the server's certificate unless they exist, then
// the clients' certificates, then the revocation list.
func (c *certsCmd) Run() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	now := time.Now()
	authority, err := c.authority(now)
	if err != nil {
		return err
	}
	if missing(c.path("server.pem")) {
		pair, err := authority.Server(now, c.Valid, c.Host...)
		if err == nil {
			err = c.write("server", pair)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range c.Client {
		if strings.ContainsAny(name, `/\`) {
			return fmt.Errorf("--client: %q cannot be the name of a file", name)
		}
		pair, err := authority.Client(name, now, c.Valid)
		if err == nil {
			err = c.write(name, pair)
		}
		if err != nil {
			return err
		}
	}
	return c.revoke(authority, now)
}

func (c *certsCmd) path(name string) string { return filepath.Join(c.Dir, name) }

// authority reads the authority of the folder, or makes one.
func (c *certsCmd) authority(now time.Time) (*certs.Authority, error) {
	certificate, key := c.path("ca.pem"), c.path("ca.key")
	authority, err := certs.ReadAuthority(certificate, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return authority, err
	}
	if authority, err = certs.NewAuthority("Throwaway authority for trying NEMS", now, c.Valid); err != nil {
		return nil, err
	}
	fmt.Fprintln(stdout(), certificate)
	return authority, authority.WriteFiles(certificate, key)
}

// write writes a pair as PEM and as PKCS#12.
func (c *certsCmd) write(name string, pair certs.Pair) error {
	if err := pair.WriteFiles(c.path(name+".pem"), c.path(name+".key")); err != nil {
		return err
	}
	bundle, err := pair.PKCS12(c.Password)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout(), "%s, .key, .p12\n", c.path(name+".pem"))
	return os.WriteFile(c.path(name+".p12"), bundle, 0o600)
}

// revoke writes a new revocation list, with what was in it and more.
func (c *certsCmd) revoke(authority *certs.Authority, now time.Time) error {
	file := c.path("crl.pem")
	serials, err := certs.RevokedIn(file)
	if err != nil {
		return err
	}
	for _, name := range c.Revoke {
		certificate, err := certs.ReadCertificate(c.path(name + ".pem"))
		if err != nil {
			return err
		}
		serials = append(serials, certificate.SerialNumber)
	}
	list, err := authority.Revocations(now, c.Valid, serials...)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout(), "%s: %d revoked\n", file, len(serials))
	return os.WriteFile(file, list, 0o644)
}

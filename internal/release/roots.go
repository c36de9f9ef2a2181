package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// rootsModule has Mozilla's list of certificate authorities, kept by the Go
// project. Only its files are read: a fixed version gives the same bytes
// everywhere, which the list of a machine does not.
const rootsModule = "golang.org/x/crypto/x509roots/fallback@v0.0.0-20261030153154-30a33513ff6d"

// rootEntry is one certificate in the module's list: where it begins and, if
// Mozilla has ended its trust, since when.
var rootEntry = regexp.MustCompile(`certStartOff:\s+(\d+),\s+certLength:\s+(\d+),(\s+distrustAfter:)?`)

// certificateAuthorities returns the authorities as PEM. Those whose certificates
// are only trusted up to a day are left out, because PEM cannot say so.
func certificateAuthorities() ([]byte, error) {
	out, err := exec.Command("go", "mod", "download", "-json", rootsModule).Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download %s: %w", rootsModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(module.Dir, "bundle/bundle.go"))
	if err != nil {
		return nil, err
	}
	certificates, err := os.ReadFile(filepath.Join(module.Dir, "bundle/bundle.der"))
	if err != nil {
		return nil, err
	}
	return rootsPEM(list, certificates)
}

func rootsPEM(list, certificates []byte) ([]byte, error) {
	var text bytes.Buffer
	for _, m := range rootEntry.FindAllSubmatch(list, -1) {
		start, _ := strconv.Atoi(string(m[1])) // digits, and checked below
		length, _ := strconv.Atoi(string(m[2]))
		if length <= 0 || start+length > len(certificates) {
			return nil, fmt.Errorf("%s: a certificate at %d of %d bytes is outside of the list", rootsModule, start, length)
		}
		if len(m[3]) > 0 {
			continue
		}
		c, err := x509.ParseCertificate(certificates[start : start+length])
		if err != nil {
			return nil, fmt.Errorf("%s: certificate at %d: %w", rootsModule, start, err)
		}
		fmt.Fprintf(&text, "# %s\n", c.Subject)
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return nil, err
		}
	}
	if text.Len() == 0 {
		return nil, fmt.Errorf("%s: no certificate found in its list", rootsModule)
	}
	return text.Bytes(), nil
}

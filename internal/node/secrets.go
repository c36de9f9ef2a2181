package node

import (
	"fmt"
	"os"
	"strings"
)

// secretFile begins the value of a secret that is in a file, as systemd
// credentials and Kubernetes provide them.
const secretFile = "file:"

// placeholder is what the example configuration has in place of a secret.
const placeholder = "change-me"

// secret is a setting that nobody must see.
type secret struct {
	name  string
	value *string
}

func (c *Config) secrets() []secret {
	return []secret{
		{"database", &c.Database}, {"mesh-shared-key", &c.MESHSharedKey}, {"mesh-remote-shared-key", &c.RemoteMESH.SharedKey},
		{"mesh-remote-password", &c.RemoteMESH.Password}, {"pds-api-key", &c.PDS.APIKey}, {"operator-token", &c.OperatorToken},
		{"console-oidc-client-secret", &c.Console.OIDC.ClientSecret}, {"traces-headers", &c.Traces.Headers},
	}
}

// IsSecret reports whether a setting must not be shown. The database's URL may
// contain a password.
func IsSecret(name string) bool {
	for _, s := range new(Config).secrets() {
		if s.name == name {
			return true
		}
	}
	return false
}

// readSecrets replaces file:PATH with the content of that file.
func (c *Config) readSecrets() (err error) {
	for _, s := range c.secrets() {
		if *s.value, err = ReadSecret(s.name, *s.value); err != nil {
			return err
		}
	}
	return nil
}

// ReadSecret returns the value of a secret setting: what it is, or if that is file:PATH
// the content of the file, without the white space around it. An empty file is an error.
func ReadSecret(name, value string) (string, error) {
	path, ok := strings.CutPrefix(value, secretFile)
	if !ok {
		return value, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if value = strings.TrimSpace(string(content)); value == "" {
		return "", fmt.Errorf("%s: %s is empty", name, path)
	}
	return value, nil
}

// placeholders returns an error for each secret that is still as in the
// example, which everybody knows.
func (c *Config) placeholders() []error {
	var wrong []error
	for _, s := range c.secrets() {
		if *s.value == placeholder {
			wrong = append(wrong, fmt.Errorf("%s: %s is the value in the example; give a secret of your own, or %sPATH of a file that contains it", s.name, placeholder, secretFile))
		}
	}
	return wrong
}

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
		{"console-oidc-client-secret", &c.Console.OIDC.ClientSecret},
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

// readSecrets replaces file:PATH with the content of that file, without the
// white space around it.
func (c *Config) readSecrets() error {
	for _, s := range c.secrets() {
		path, ok := strings.CutPrefix(*s.value, secretFile)
		if !ok {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if *s.value = strings.TrimSpace(string(content)); *s.value == "" {
			return fmt.Errorf("%s: %s is empty", s.name, path)
		}
	}
	return nil
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

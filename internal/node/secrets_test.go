package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsFromFiles checks that a secret can be in a file, and that a
// missing or empty file is an error.
func TestSecretsFromFiles(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return secretFile + path
	}
	c := Config{MESHSharedKey: file("key", "of the mesh\n"), OperatorToken: "file"}
	c.RemoteMESH.Password = "as it stands"
	if err := c.readSecrets(); err != nil || c.MESHSharedKey != "of the mesh" || c.OperatorToken != "file" || c.RemoteMESH.Password != "as it stands" {
		t.Errorf("%+v, %v", c, err)
	}
	for name, path := range map[string]string{"empty": file("empty", " \n"), "missing": secretFile + filepath.Join(folder, "no")} {
		c := Config{OperatorToken: path}
		if err := c.readSecrets(); err == nil || !strings.HasPrefix(err.Error(), "operator-token: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPlaceholdersAreRefused checks that no service runs with the secrets of
// the example.
func TestPlaceholdersAreRefused(t *testing.T) {
	for _, s := range new(Config).secrets() {
		c := DevConfig(t.TempDir())
		c.Dev = false
		for _, own := range c.secrets() {
			if own.name == s.name {
				*own.value = placeholder
			}
		}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), s.name+": change-me") {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/datafolder"
	"nems/internal/node"
)

// TestUnusableDatabases starts on databases that cannot be used. The answer
// must be one line that says why, without the password, and a mistyped URL must
// not create a file.
func TestUnusableDatabases(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for database, says := range map[string]string{
		"postgres://nems:hunter2@127.0.0.1:1/nems?sslmode=disable":      "refused",
		"postgres://nems:hunter2@127.0.0.1:port/nems":                   "cannot be read",
		"postgres://nems:hunter%zz2@127.0.0.1/nems":                     "cannot be read: expected",
		"postgres://nems:hunter2/a@127.0.0.1/nems":                      "cannot be read",
		"postgres://nems:hunter2@127.0.0.1/nems?sslmode=banana":         "sslmode",
		"postgres://nems:hunter2@127.0.0.1/nems?sslrootcert=/none/here": "/none/here",
		"POSTGRES://nems:hunter2@127.0.0.1/nems":                        "expected sqlite:PATH",
		"mysql://nems:hunter2@127.0.0.1/nems":                           "expected sqlite:PATH",
		"host=127.0.0.1 user=nems password=hunter2":                     "expected sqlite:PATH",
		"sqlite:" + file:                "not a database",
		"sqlite:" + file + "/below.db":  "not a directory",
		"sqlite:" + filepath.Dir(file):  "unable to open",
		"sqlite:/none/here/whatever.db": "no such file",
	} {
		config := node.DevConfig(t.TempDir())
		config.Database = database
		err := node.Run(t.Context(), config, node.Environment{})
		wantOneLine(t, "serve "+database, err, says)
		_, _, err = datafolder.Migrate(t.Context(), t.TempDir(), database)
		wantOneLine(t, "migrate "+database, err, says)
	}
}

func wantOneLine(t *testing.T, what string, err error, says string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: done", what)
		return
	}
	if text := err.Error(); strings.ContainsAny(text, "\r\n") || strings.Contains(text, "hunter") || !strings.Contains(text, says) {
		t.Errorf("%s: expected one line with %q and no password, got %q", what, says, text)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// copyOf copies what the repository holds.
func copyOf(t *testing.T) string {
	t.Helper()
	root, folder := filepath.Join("..", ".."), t.TempDir()
	listed, err := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		t.Skip("not a git work tree, so what the project holds is not known: ", err)
	}
	for _, name := range strings.Fields(string(listed)) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // deleted, not committed yet
		}
		to := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// A copy of the project under another path builds, its tests of the whole house pass,
// and nothing names the old path.
func TestRenamedProjectIsWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the project once more: not with -short")
	}
	const module = "example.org/health/nems"
	folder := copyOf(t)
	changed, err := rename(folder, module)
	if err != nil || changed < 500 {
		t.Fatalf("%d files were changed, %v", changed, err)
	}
	for _, command := range [][]string{
		// Compiles all that the program stands on, without linking it.
		{"go", "vet", ".", "./cmd/nems", "./message", "./publisher"}, {"go", "test", "-short", "."},
	} {
		c := exec.Command(command[0], command[1:]...)
		c.Dir = folder
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	if again, err := rename(folder, module); err == nil {
		t.Errorf("a second time %d files were changed", again)
	}
	for _, name := range []string{"go.mod", "house_test.go", filepath.Join("client", "client.go"), filepath.Join("docs", "publishing.md")} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || strings.Contains(string(text), `"nems/`) || strings.Contains(string(text), "`nems/publisher") {
			t.Errorf("%s: %v, or it names the old path", name, err)
		}
	}
}

func TestWrongPathsAreRefused(t *testing.T) {
	for _, path := range []string{"", "nems", "Example.org/x", "example.org/", "example.org/a b", "https://example.org/nems", "example.org//x"} {
		if _, err := rename(t.TempDir(), path); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

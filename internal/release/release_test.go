package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program is a module whose bytes depend on everything that a build might let
// in: the folder (runtime.Caller) and the history (the build information).
var program = map[string]string{
	"go.mod": "module nems\n\ngo 1.26.0\n",
	"cmd/nems/main.go": `package main

import "runtime"

var version string

func main() {
	_, file, _, _ := runtime.Caller(0)
	println(version, file)
}
`,
}

func TestBytesDependOnSourceAndVersionAlone(t *testing.T) {
	plain, committed := write(t), write(t)
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "x"},
	} {
		git := exec.Command("git", args...)
		git.Dir = committed
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	first := built(t, plain, "v1.0.0")
	t.Setenv("GOFLAGS", "-buildvcs=true") // settings of the caller's Go must have no effect
	t.Setenv("GOAMD64", "v3")
	if !bytes.Equal(first, built(t, committed, "v1.0.0")) {
		t.Error("two folders with the same source gave different binaries")
	}
	if bytes.Equal(first, built(t, plain, "v1.0.1")) {
		t.Error("the version is not in the binary")
	}
}

func TestSBOMNamesWhatIsLinked(t *testing.T) {
	alone := filepath.Join(t.TempDir(), "nems")
	if err := os.WriteFile(alone, built(t, write(t), "v1.0.0"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := linkedModules(alone); err == nil {
		t.Error("a binary that names no modules passes")
	}
	linked := map[string]bool{"example.org/a@v1.0.0": true, "example.org/b@v1.2.0": true}
	for _, test := range []struct {
		name   string
		listed []string // as path@version
		says   []string // nil means that the check passes
	}{
		{"the same", []string{"example.org/b@v1.2.0", "example.org/a@v1.0.0"}, nil},
		{"one is missing", []string{"example.org/a@v1.0.0"}, []string{"example.org/b@v1.2.0 is in the binary and not in the list"}},
		{"one too many", []string{"example.org/a@v1.0.0", "example.org/b@v1.2.0", "example.org/c@v0.1.0"},
			[]string{"example.org/c@v0.1.0 is in the list and not in the binary"}},
		{"another version", []string{"example.org/a@v1.0.0", "example.org/b@v1.2.1"},
			[]string{"b@v1.2.0 is in the binary", "b@v1.2.1 is in the list"}},
		{"empty", nil, []string{"a@v1.0.0", "b@v1.2.0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			listed, err := listedModules(list(t, "CycloneDX", test.listed))
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(differences(linked, listed), "; ")
			if len(test.says) == 0 && found != "" {
				t.Errorf("found %q, want nothing", found)
			}
			for _, says := range test.says {
				if !strings.Contains(found, says) {
					t.Errorf("found %q, want it to say %q", found, says)
				}
			}
		})
	}
	if _, err := listedModules(list(t, "SPDX", nil)); err == nil || !strings.Contains(err.Error(), "CycloneDX") {
		t.Errorf("another format: error %v, want one that says CycloneDX", err)
	}
}

// write writes program to a new folder.
func write(t *testing.T) string {
	folder := t.TempDir()
	for name, text := range program {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// built returns the binary that build makes from the folder for linux/amd64.
func built(t *testing.T, source, version string) []byte {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "nems")
	if err := build(source, version, "linux/amd64", binary); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// list writes a list of modules (path@version) and returns the file's path.
func list(t *testing.T, format string, modules []string) string {
	type component struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	var components []component
	for _, m := range slices.Sorted(slices.Values(modules)) {
		path, version, _ := strings.Cut(m, "@")
		components = append(components, component{path, version})
	}
	content, err := json.Marshal(map[string]any{"bomFormat": format, "components": components})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "nems.cdx.json")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

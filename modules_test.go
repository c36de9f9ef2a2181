package nems_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fenced = regexp.MustCompile("(?s)```(\\w*)\n(.*?)```")

// modFlag is what a workspace has no use for.
var modFlag = regexp.MustCompile(`-mod=\S*`)

// unreachable is what go says where there is no way to a proxy of modules.
var unreachable = regexp.MustCompile(`dial tcp|no such host|connection refused|i/o timeout|GOPROXY=off|proxyconnect`)

// TestUseFromAnotherModule does what docs/modules.md says, in both ways, and runs its
// test of another module.
func TestUseFromAnotherModule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the service for another module: not with -short")
	}
	page, err := os.ReadFile(filepath.Join("docs", "modules.md"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	// Where go finds this very folder, it has compiled all of it already.
	here := strings.NewReplacer("../nems", "'"+root+"'")
	flags := modFlag.ReplaceAllString(os.Getenv("GOFLAGS"), "")
	var program string
	ways := map[string][]string{}
	for _, block := range fenced.FindAllStringSubmatch(string(page), -1) {
		switch text := block[2]; {
		case block[1] == "go":
			program = text
		case strings.Contains(text, "go work"):
			ways["workspace"] = commands(here.Replace(text))
		case strings.Contains(text, "-replace"):
			ways["replace"] = commands(here.Replace(text))
		}
	}
	if program == "" || len(ways) != 2 {
		t.Fatalf("docs/modules.md: %d ways, a program of %d bytes", len(ways), len(program))
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "your-module")
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "yours_test.go"), []byte(program), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, command := range append([]string{"go mod init yours"}, append(way, "go test ./...")...) {
				c := exec.Command("sh", "-c", command)
				c.Dir = folder
				c.Env = append(os.Environ(), "GOFLAGS="+flags, "GOWORK=")
				if name == "replace" {
					c.Env = append(c.Env, "GOFLAGS="+flags+" -mod=mod")
				}
				out, err := c.CombinedOutput()
				if err != nil && unreachable.Match(out) {
					t.Skipf("%s: another module's sums need modules that cannot be downloaded here:\n%s", command, out)
				}
				if err != nil {
					t.Fatalf("%s: %v\n%s", command, err, out)
				}
			}
		})
	}
}

// commands are the lines of a block that are done within the module.
func commands(block string) (out []string) {
	for line := range strings.Lines(block) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "go ") {
			out = append(out, line)
		}
	}
	return out
}

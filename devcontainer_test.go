package nems_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDevcontainerFits: the container for developers has the Go of go.mod, and all that
// make tools would install.
func TestDevcontainerFits(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	container, module, makefile := read(".devcontainer/devcontainer.json"), read("go.mod"), read("Makefile")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(module)
	if version == nil || !strings.Contains(container, "devcontainers/go:"+version[1]+`"`) {
		t.Errorf("expected Go %v in .devcontainer/devcontainer.json", version)
	}
	tools := regexp.MustCompile(`missing="\$\$missing ([a-z0-9 -]+)"`).FindAllStringSubmatch(makefile, -1)
	if len(tools) < 4 {
		t.Fatalf("%d tools were found in the Makefile", len(tools))
	}
	for _, tool := range tools {
		for _, name := range strings.Fields(tool[1]) {
			if !strings.Contains(container, " "+name) {
				t.Errorf(".devcontainer/devcontainer.json does not install %s", name)
			}
		}
	}
}

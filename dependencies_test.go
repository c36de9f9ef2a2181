package nems_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// brings are the modules of others that each public package brings to whoever
// imports it.
var brings = map[string][]string{
	"./client":        {"github.com/go-json-experiment/json", "github.com/google/uuid", "golang.org/x/text"},
	"./client/signed": {"github.com/go-jose/go-jose/v4"},
	// A builder of messages brings what reads and checks them.
	"./message": {"github.com/go-json-experiment/json", "github.com/google/uuid", "golang.org/x/text"},
	// An outbox brings no database: its caller has one, and its driver. The rules of the
	// events, which it checks, are YAML.
	"./publisher": {"github.com/go-json-experiment/json", "github.com/goccy/go-yaml", "github.com/google/uuid", "golang.org/x/text"},
	// Who has no database gets SQLite, in Go alone.
	"./publisher/embedded": {
		"github.com/dustin/go-humanize", "github.com/go-json-experiment/json", "github.com/goccy/go-yaml", "github.com/google/uuid",
		"github.com/remyoudompheng/bigfft", "golang.org/x/sys", "golang.org/x/text",
		"modernc.org/libc", "modernc.org/mathutil", "modernc.org/memory", "modernc.org/sqlite",
	},
	// Asking PDS takes signed tokens, a rate and a breaker.
	"./publisher/pds": {
		"github.com/go-jose/go-jose/v4", "github.com/go-json-experiment/json", "github.com/goccy/go-yaml", "github.com/google/uuid",
		"github.com/sony/gobreaker/v2", "golang.org/x/sync", "golang.org/x/text", "golang.org/x/time",
	},
	"./receiver": {"github.com/go-json-experiment/json", "github.com/google/uuid", "golang.org/x/text"},
}

func TestPublicPackagesBringLittle(t *testing.T) {
	for name, want := range brings {
		var modules []string
		for _, line := range dependencies(t, name) {
			if module := strings.Fields(line)[1:]; len(module) == 1 {
				modules = append(modules, module[0])
			}
		}
		slices.Sort(modules)
		if diff := cmp.Diff(want, slices.Compact(modules)); diff != "" {
			t.Errorf("%s brings other modules than are listed here:\n%s", name, diff)
		}
	}
}

// TestBrokerStandsOnNoServer: what happens to an event is decided without HTTP and
// without tokens, so that the broker can be tried, and run, without a network.
func TestBrokerStandsOnNoServer(t *testing.T) {
	for _, line := range dependencies(t, "./internal/broker") {
		if name := strings.Fields(line)[0]; name == "net/http" || name == "nems/internal/spine" || strings.HasPrefix(name, "github.com/go-jose/") {
			t.Errorf("internal/broker depends on %s", name)
		}
	}
}

// dependencies lists all packages that a package stands on, each with its module
// behind it unless it is of this module or of the standard library.
func dependencies(t *testing.T, name string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}{{with .Module}}{{if not .Main}} {{.Path}}{{end}}{{end}}", name).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", name, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

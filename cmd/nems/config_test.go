package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/node"
)

// parse reads a command line of `nems serve` as main does.
func parse(t *testing.T, args ...string) (node.Config, error) {
	t.Helper()
	var c cli
	parser, err := newParser(context.Background(), &c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return c.Serve.Config, err
}

// mustParse is parse for a correct command line.
func mustParse(t *testing.T, args ...string) node.Config {
	t.Helper()
	c, err := parse(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// configuration writes a configuration file.
func configuration(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nems.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var exampleFile = filepath.Join("..", "..", "docs", "nems.example.yaml")

// TestExampleConfiguration reads the file that is shipped, and checks that its
// values are in force and that the program would start with it.
func TestExampleConfiguration(t *testing.T) {
	c := mustParse(t, "--config", exampleFile, "--mesh-shared-key", "a", "--mesh-remote-shared-key", "b", "--mesh-remote-password", "c") // the settings that the file leaves to each installation
	if err := c.Validate(); err != nil {
		t.Errorf("the example is not valid: %v", err)
	}
	type said struct {
		Dev                                         bool
		Data, Database, ASID, Mailbox, URL          string
		FHIR, CA, MESH, Operations, Key             string
		Profile, Level, Unknown, Activation, Level2 string
		Retention, Drain                            time.Duration
	}
	got := said{c.Dev, c.Data, c.Database, c.ASID, c.Mailbox, c.PublicURL, c.FHIR.Listen, c.FHIR.ClientCA, c.MESH.Listen, c.Operations.Listen,
		c.MESHSharedKey, c.Profile, c.Level, c.UnknownPatients, c.Activation, c.LogLevel, c.Retention, c.Drain}
	want := said{false, "/var/lib/nems", "sqlite:/var/lib/nems/nems.db", "111111111111", "X26NEMS", "https://nems.example.nhs.uk", "0.0.0.0:8443",
		"/etc/nems/client-issuers.pem", "0.0.0.0:8444", "127.0.0.1:9090", "a", "strict", "standard", "reject", "automatic", "info", 720 * time.Hour, 10 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.Learning != "on" {
		t.Errorf("directory-from-events: expected on; received %q", c.Learning)
	}
}

// TestPrecedence checks that a flag overrides the environment, the environment
// the file, and the file the default.
func TestPrecedence(t *testing.T) {
	path := configuration(t, "version: 1\nlevel: strict\nfhir:\n  listen: file:1\n")
	if c := mustParse(t, "--dev", "--config", configuration(t, "directory-from-events: off\n")); c.Learning != "off" {
		t.Errorf("the file: expected off; received %q", c.Learning)
	}
	if c := mustParse(t, "--dev"); c.Level != "standard" || c.FHIR.Listen != "" {
		t.Errorf("by default: expected standard and no listener; received %q, %q", c.Level, c.FHIR.Listen)
	}
	if c := mustParse(t, "--dev", "--config", path); c.Level != "strict" || c.FHIR.Listen != "file:1" {
		t.Errorf("the file: expected strict, file:1; received %q, %q", c.Level, c.FHIR.Listen)
	}
	t.Setenv("NEMS_LEVEL", "standard")
	t.Setenv("NEMS_FHIR_LISTEN", "environment:2")
	if c := mustParse(t, "--dev", "--config", path); c.Level != "standard" || c.FHIR.Listen != "environment:2" {
		t.Errorf("the environment wins over the file: received %q, %q", c.Level, c.FHIR.Listen)
	}
	if c := mustParse(t, "--dev", "--config", path, "--level", "strict", "--fhir-listen", "flag:3"); c.Level != "strict" || c.FHIR.Listen != "flag:3" {
		t.Errorf("flags win over all: received %q, %q", c.Level, c.FHIR.Listen)
	}
}

// TestConfigurationRefused checks that an unknown entry in a file is refused by
// name, not ignored.
func TestConfigurationRefused(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"an unknown key", "version: 1\nlevle: strict\n", "levle"},
		{"an unknown nested key", "fhir:\n  listne: a:1\n", "fhir-listne"},
		{"a key of another command", "nhs-number: \"1\"\n", "nhs-number"},
		{"a value outside the list", "level: lenient\n", "lenient"},
		{"a duration that is none", "retention: a while\n", "retention"},
		{"not YAML", "level: [\n", "nems.yaml"},
		{"a list", "- level\n", "nems.yaml"},
		{"a file within a file", "config: other.yaml\n", "config"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, "--dev", "--config", configuration(t, c.text))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("expected an error that names %q; received %v", c.says, err)
			}
		})
	}
	secret := "database: postgres://nems:hunter2@db1/nems\n"
	if _, err := parse(t, "--config", configuration(t, secret+"fhir: [\n"+secret)); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a file that is not YAML: %v", err)
	}
	if _, err := parse(t, "--config", "no-such-file.yaml"); err == nil {
		t.Error("a file that is missing: expected an error")
	}
}

// TestValidate checks that everything that is wrong is listed at once.
func TestValidate(t *testing.T) {
	_, err := parse(t, "--config", configuration(t, "version: 2\n"), "--fhir-listen", "a:1", "--mesh-listen", "a:2", "--database", "mysql:x", "--drain", "11s")
	if err == nil {
		t.Fatal("expected errors; received none")
	}
	for _, says := range []string{"version", "database", "drain", "fhir-cert", "mesh-cert", "mesh-shared-key"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("expected %s among the errors; received %v", says, err)
		}
	}
	if _, err := parse(t); err == nil || !strings.Contains(err.Error(), "--dev") {
		t.Errorf("nems serve alone: expected an error that mentions --dev; received %v", err)
	}
	mustParse(t, "--dev")
}

// TestExitCodes checks the exit codes: 2 for a wrong command line, 1 for a failure.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		want int
		args []string
	}{
		{2, []string{"serve", "--no-such-flag"}},
		{2, []string{"fly"}},
		{1, []string{"publish", "no-such-file.xml"}},
		{0, []string{"version"}},
	} {
		if got := run(c.args); got != c.want {
			t.Errorf("nems %s: expected exit code %d; received %d", strings.Join(c.args, " "), c.want, got)
		}
	}
}

// TestSettingsAreShown checks that the values in force and their sources are shown, and no secret.
func TestSettingsAreShown(t *testing.T) {
	t.Setenv("NEMS_LEVEL", "standard")
	t.Setenv("NEMS_DATABASE", "postgres://nems:hunter2@db1/nems")
	shown := does(t, "", "config", "show", "--config", exampleFile, "--rate-limit", "5", "--format", "json")
	var settings []shownSetting
	if err := json.Unmarshal([]byte(shown), &settings); err != nil {
		t.Fatal(err)
	}
	for _, want := range []shownSetting{
		{"rate-limit", "5", "command line"}, {"level", "standard", "environment"}, {"fhir-listen", "0.0.0.0:8443", "file"},
		{"mesh-shared-key", "(secret)", "file"}, {"database", "postgres://nems:xxxxx@db1/nems", "environment"}, {"dev", "false", "default"},
	} {
		if !slices.Contains(settings, want) {
			t.Errorf("expected %v in %s", want, shown)
		}
	}
	if strings.Contains(shown, "change-me") || strings.Contains(shown, "hunter2") {
		t.Error("a secret is shown")
	}
	if text := does(t, "level", "config", "show", "--changed"); strings.Contains(text, "default") {
		t.Errorf("settings that have their default:\n%s", text)
	}
}

// TestSettingsAreExplained explains settings by each name that people use, and by a misspelt one.
func TestSettingsAreExplained(t *testing.T) {
	for _, name := range []string{"fhir-listen", "NEMS_FHIR_LISTEN", "fhir.listen"} {
		does(t, "fhir: {listen: ...}", "config", "explain", name)
	}
	does(t, "mesh-shared-key: ...", "config", "explain", "mesh-shared-key")
	told := onStderr(t, func() { fails(t, "config", "explain", "retenton") })
	if !strings.Contains(told, "did you mean retention?") {
		t.Error(told)
	}
	if _, err := parse(t, "--config", configuration(t, "fhir: {lisen: x}\n")); err == nil || !strings.Contains(err.Error(), "did you mean fhir-listen?") {
		t.Errorf("a misspelt key: %v", err)
	}
	if got := meant("something-else-altogether", nil); got != "" {
		t.Errorf("meant %q", got)
	}
}

var update = flag.Bool("update", false, "write the files that tests compare with")

// TestSettingsPage checks that the reference page agrees with the program.
func TestSettingsPage(t *testing.T) {
	page := does(t, "# Settings", "config", "explain", "--format", "markdown")
	path := filepath.Join("..", "..", "docs", "settings.md")
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(path)
	if err != nil || string(is) != page {
		t.Errorf("docs/settings.md is old (%v): go test ./cmd/nems -run TestSettingsPage -update", err)
	}
}

// TestConfigurationIsTried checks that every wrong setting has a line.
func TestConfigurationIsTried(t *testing.T) {
	text := fails(t, "config", "check", "--config", exampleFile)
	if strings.Count(text, "WRONG  configuration: ") != 3 || !strings.Contains(text, "mesh-remote-password: change-me is the value in the example") {
		t.Error(text)
	}
	does(t, "ok     configuration", "config", "check", "--dev", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
}

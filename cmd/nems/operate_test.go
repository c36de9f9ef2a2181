package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/spine"
)

// does runs a command that must succeed and print a text.
func does(t *testing.T, says string, args ...string) string {
	t.Helper()
	text, code := printed(t, args...)
	if code != 0 || !strings.Contains(text, says) {
		t.Fatalf("nems %s: exit code %d, expected %q in\n%s", strings.Join(args, " "), code, says, text)
	}
	return text
}

// fails runs a command that must not succeed and returns what it prints.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	text, code := printed(t, args...)
	if code == 0 {
		t.Errorf("nems %s: succeeded\n%s", strings.Join(args, " "), text)
	}
	return text
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const leedsSystem = `
asid: "200000000115"
name: Leeds
odsCodes: [RR8]
interactions: ["urn:nhs:names:services:clinicals-sync:*"]
mailboxes: ["*"]
`

// TestOperatingAStoppedService prepares a service that has never been started.
func TestOperatingAStoppedService(t *testing.T) {
	data := t.TempDir()
	does(t, "1 registered", "systems", "add", file(t, "leeds.yaml", leedsSystem), "--data", data)
	does(t, "subscribe", "systems", "list", "--data", data)
	shown := does(t, "name: Leeds", "systems", "show", "200000000115", "--data", data)
	does(t, "is revoked", "systems", "revoke", "200000000115", "--data", data)
	does(t, "revoked", "systems", "list", "--data", data)
	does(t, "1 registered", "systems", "add", file(t, "again.yaml", shown), "--data", data)
	var systems []spine.Registration
	text := does(t, "[", "systems", "list", "--format", "json", "--data", data)
	if err := json.Unmarshal([]byte(text), &systems); err != nil || len(systems) != 1 || systems[0].Revoked {
		t.Errorf("%v\n%s", err, text)
	}
	t.Setenv("NEMS_MAILBOX_PASSWORD", "a password")
	does(t, "1 added", "mailboxes", "add", "BOX1", "--ods", "rr8", "--data", data)
	does(t, "2 added", "mailboxes", "add", "--file", file(t, "boxes.yaml", "- {id: BOX2, ods: X26, remote: true}\n- {id: BOX3, ods: X26, password: b}\n"), "--data", data)
	if text := does(t, "BOX2", "mailboxes", "list", "--data", data); strings.Contains(text, "a password") {
		t.Errorf("the list shows a password:\n%s", text)
	}
	does(t, "is deprecated", "event-types", "set", "vaccinations-1", "--state", "deprecated", "--deprecated", "2026-03-30", "--withdrawn", "2027-03-31",
		"--url", "https://nems.example.nhs.uk/changes", "--data", data)
	does(t, "is deprecated", "event-types", "set", "vaccinations-1", "--deprecated", "2026-03-31", "--data", data)
	if text := does(t, "", "event-types", "list", "--data", data); !strings.Contains(text, "2026-03-31") || !strings.Contains(text, "2027-03-31") {
		t.Errorf("the dates do not add up:\n%s", text)
	}
	does(t, "system-revoke", "audit", "show", "--data", data)
	does(t, "No checkpoint", "audit", "verify", "--data", data)
}

func TestOperatorsCommandsRefuse(t *testing.T) {
	data := t.TempDir()
	fails(t, "systems", "list", "--data", filepath.Join(data, "missing"))
	fails(t, "systems", "add", file(t, "bad.yaml", "asid: 1"), "--data", data)
	fails(t, "systems", "show", "200000000115", "--data", data)
	fails(t, "mailboxes", "add", "BOX", "--file", "x", "--data", data)
	fails(t, "event-types", "set", "no-such-1", "--state", "withdrawn", "--data", data)
	fails(t, "event-types", "set", "vaccinations-1", "--withdrawn", "soon", "--data", data)
	fails(t, "event-types", "set", "vaccinations-1", "--state", "deprecated", "--url", "https://nems.example.nhs.uk/changes", "--data", data)
	fails(t, "event-types", "set", "vaccinations-1", "--state", "no-longer-supported", "--deprecated", "2026-03-31", "--data", data)
	if text := does(t, "", "event-types", "list", "--data", data); strings.Contains(text, "deprecated ") || strings.Contains(text, "no-longer") {
		t.Errorf("a refused life cycle was stored:\n%s", text)
	}
	fails(t, "audit", "show", "--from", "yesterday", "--data", data)
	fails(t, "audit", "verify", "--data", filepath.Join(data, "missing"))
	fails(t, "systems", "list", "--operations-url", "http://127.0.0.1:1")
}

// TestOperatingARunningService uses the same commands on a running service.
// Afterwards its audit is verified, and then changed.
func TestOperatingARunningService(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.OperatorToken = "a secret" })
	data := s.Config.Data
	does(t, nodetest.LeedsID, "systems", "list", "--data", data)
	does(t, nodetest.LeedsID, "systems", "list", "--operations-url", s.URL, "--operator-token", "a secret")
	fails(t, "systems", "list", "--operations-url", s.URL, "--operator-token", "another")
	does(t, "is revoked", "systems", "revoke", nodetest.NationalID, "--data", data)
	does(t, `"action":"system-revoke"`, "audit", "show", "--format", "json", "--data", data)
	export := file(t, "chain.jsonl", does(t, `"hash"`, "audit", "export", "--data", data))
	does(t, "nothing is vouched for", "audit", "verify", "--export", export)
	s.Eventually("the first checkpoint", func() bool { return !missing(filepath.Join(data, "audit.checkpoints")) })
	does(t, "nothing edited", "audit", "verify", "--data", data) // while the service is running
	s.Stop()
	does(t, "Vouched for up to 2026-03-02T", "audit", "verify", "--data", data)
	for name, statement := range map[string]string{
		"cut off":  "DELETE FROM audit_link WHERE id = (SELECT max(id) FROM audit_link)",
		"removed":  "DELETE FROM audit_link WHERE seq = 2",
		"edited":   "UPDATE audit_link SET at = at + 1 WHERE seq = 2",
		"replaced": "UPDATE audit_link SET entries = (SELECT entries FROM audit_link WHERE seq = 5) WHERE seq = 2",
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "nems.db")
			if err := os.CopyFS(filepath.Dir(copied), os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			conn, err := sqlite.OpenConn(copied)
			if err != nil {
				t.Fatal(err)
			}
			if err := sqlitex.ExecuteTransient(conn, statement, nil); err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			if text := fails(t, "audit", "verify", "--data", filepath.Dir(copied)); !strings.Contains(text, "Nothing is vouched for") {
				t.Error(text)
			}
		})
	}
}

// TestMissingCheckpointsAreFound checks that removing the checkpoints is noticed.
func TestMissingCheckpointsAreFound(t *testing.T) {
	s := nodetest.Boot(t)
	data := s.Config.Data
	s.Eventually("the first checkpoint", func() bool { return !missing(filepath.Join(data, "audit.checkpoints")) })
	s.Stop()
	does(t, "Vouched for up to", "audit", "verify", "--data", data)
	export := file(t, "chain.jsonl", does(t, `"hash"`, "audit", "export", "--data", data))
	key := filepath.Join(data, "audit.key.pub")
	for name, text := range map[string]string{"empty": "", "torn": "nems-audit-checkpoint/2 2026-"} {
		spoilt := file(t, name, text)
		for _, command := range [][]string{{"audit", "verify", "--data", data}, {"audit", "verify", "--export", export, "--key", key},
			{"audit", "verify", "--data", data, "--format", "json"}, {"check", "--data", data}} {
			if text := fails(t, append(command, "--checkpoints", spoilt)...); !strings.Contains(text, "no checkpoint") {
				t.Errorf("%s, %s: %s", name, command, text)
			}
		}
	}
	if err := os.Truncate(filepath.Join(data, "audit.checkpoints"), 0); err != nil {
		t.Fatal(err)
	}
	fails(t, "audit", "verify", "--data", data)
	fails(t, "check", "--data", data)
}

func TestTokens(t *testing.T) {
	token := strings.TrimSpace(does(t, ".", "token", "--endpoint", "publish", "--patient", "9912003888"))
	if text := does(t, "requesting_system", "token", "explain", "Authorization: Bearer "+token, "--endpoint", "publish"); strings.Contains(text, "9912003888") {
		t.Errorf("the explanation holds an NHS number:\n%s", text)
	}
	if text := fails(t, "token", "explain", token, "--endpoint", "read"); !strings.Contains(text, "scope") {
		t.Error(text)
	}
	fails(t, "token", "explain", "not a token")
	fails(t, "token", "--patient", "1234567890")
	folder := t.TempDir()
	does(t, "a.example", "certs", folder, "--client", "a.example")
	signed := strings.TrimSpace(does(t, ".", "token", "--key", filepath.Join(folder, "a.example.key"), "--kid", "k1"))
	if text := does(t, "ES256", "token", "explain", signed); !strings.Contains(text, "k1") {
		t.Error(text)
	}
	fails(t, "token", "--key", filepath.Join(folder, "ca.pem"))
}

func TestCertificates(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "certs")
	does(t, "0 revoked", "certs", folder, "--client", "a.example", "--client", "b.example")
	before, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	does(t, "1 revoked", "certs", folder, "--revoke", "a.example")
	does(t, "2 revoked", "certs", folder, "--client", "c.example", "--revoke", "b.example")
	if after, err := os.ReadFile(filepath.Join(folder, "ca.pem")); err != nil || string(after) != string(before) {
		t.Errorf("another authority, %v", err)
	}
	for _, name := range []string{"server.pem", "server.key", "c.example.p12", "crl.pem"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	fails(t, "certs", folder, "--client", "../x")
	fails(t, "certs", folder, "--revoke", "nobody.example")
}

// TestRegisteringMailboxes registers mailboxes for workflows, for a service that has never been
// started.
func TestRegisteringMailboxes(t *testing.T) {
	data := t.TempDir()
	does(t, "VACCINATIONS_1: 2 mailboxes registered", "mailboxes", "register", "VACCINATIONS_1", "BOX1", "BOX2", "--data", data)
	does(t, "VACCINATIONS_1: 0 mailboxes registered", "mailboxes", "register", "VACCINATIONS_1", "--data", data)
	does(t, `"action":"workflow-put"`, "audit", "show", "--format", "json", "--data", data)
}

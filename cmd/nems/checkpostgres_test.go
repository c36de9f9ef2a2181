package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/pgserver"
	"nems/internal/store/postgres/pgtest"
)

// TestDumpsOfPostgreSQL dumps a service, restores the dump into another server, and
// has it checked: it is whole after nems restore, and with a row taken away the check
// names what is missing.
func TestDumpsOfPostgreSQL(t *testing.T) {
	pgtest.Require(t)
	bin, err := pgserver.Find()
	if err != nil {
		t.Fatal(err)
	}
	tool := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(filepath.Join(bin, name), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	server, other := pgtest.Boot(t, "fsync=on"), pgtest.Boot(t, "fsync=on")
	dsn, restored := server.Database(t), other.Database(t)
	// Numbers of transactions that the other server has not come to.
	pgtest.SQL(t, dsn, "DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
	s := nodetest.Boot(t, func(c *node.Config) { c.Database = dsn })
	s.Clock.Set(time.Now()) // that of the commands
	s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1", nodetest.LeedsBox)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", "9912003888"))
	does(t, "whole: 1 messages", "check", "--data", s.Config.Data, "--database", dsn) // while it runs
	s.Stop()

	if text := fails(t, "backup", "/backups", "--database", "postgres://nems:geheim@db1/nems?sslmode=verify-full"); strings.Contains(text, "geheim") ||
		!strings.Contains(text, "pg_dump --format=custom --file=/backups/nems.dump 'postgres://nems@db1/nems?sslmode=verify-full'") {
		t.Errorf("advice: %s", text)
	}
	dump := filepath.Join(t.TempDir(), "nems.dump")
	tool("pg_dump", "--format=custom", "--file="+dump, dsn)
	tool("pg_restore", "--exit-on-error", "--no-owner", "--dbname="+restored, dump)
	if text := fails(t, "check", "--data", t.TempDir(), "--database", restored); !strings.Contains(text, "those of another server") {
		t.Errorf("as it was restored: %s", text)
	}
	does(t, "whole: 1 messages", "restore", "--data", s.Config.Data, "--database", restored)

	for _, c := range []struct{ spoil, says string }{
		{"UPDATE event SET body = substr(body, 2)", "its message is not the published one"},
		{"SELECT setval(pg_get_serial_sequence('audit_link', 'id'), 1)", "the sequence of audit_link.id stands at 1"},
		{"DELETE FROM inbox", "it made 1 copies, and 0 are there"},
		{"DELETE FROM subscription", "and events are matched to it"},
		{"DELETE FROM audit_link WHERE id = (SELECT max(id) FROM audit_link)", "of the audit is missing"},
		{"ALTER DATABASE CURRENT SET synchronous_commit = off", "synchronous_commit is off"},
	} {
		spoilt := other.Clone(t, restored)
		statement := strings.Replace(c.spoil, "DATABASE CURRENT", "DATABASE "+filepath.Base(strings.SplitN(spoilt, "?", 2)[0]), 1)
		pgtest.SQL(t, spoilt, statement)
		if text := fails(t, "check", "--data", t.TempDir(), "--database", spoilt); !strings.Contains(text, c.says) {
			t.Errorf("%s: expected %q in\n%s", c.spoil, c.says, text)
		}
	}
	gone := other.Clone(t, restored)
	pgtest.SQL(t, gone, "DELETE FROM event")
	if text := fails(t, "check", "--data", t.TempDir(), "--database", gone); !strings.Contains(text, " is missing, and mailbox ") {
		t.Errorf("without its event: %s", text)
	}
}

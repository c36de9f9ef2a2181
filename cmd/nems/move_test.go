package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/crashpoint"
	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

// TestMovedServiceServes moves a service to PostgreSQL and back. Its subscribers
// collect what was published before with the same ids and bytes, publishing goes on,
// and the audit verifies, with the checkpoints that were signed before.
func TestMovedServiceServes(t *testing.T) {
	dsn := pgtest.Boot(t).Database(t)
	s := nodetest.Boot(t)
	s.Clock.Set(time.Now()) // that of the commands
	data := s.Config.Data
	message := nodetest.Message(t, "vaccinations-1", "new", "9912003888")
	s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1", nodetest.LeedsBox)
	for range 3 {
		s.Publish(s.Publisher(), message)
	}
	before, err := s.Mailbox(nodetest.LeedsBox).List(t.Context())
	if err != nil || len(before) != 3 {
		t.Fatalf("%v waits (%v)", before, err)
	}
	embedded := "sqlite:" + filepath.Join(data, "nems.db")
	fails(t, "migrate", "--from", embedded, "--to", dsn) // while it runs
	s.Stop()
	does(t, "nothing was changed", "migrate", "--from", embedded, "--to", dsn, "--dry-run")
	does(t, "next: nems serve --data "+data+" --database ", "migrate", "--from", embedded, "--to", dsn)
	// Nobody goes on with the old database unawares.
	for _, args := range [][]string{{"backup", filepath.Join(t.TempDir(), "backup")}, {"check"}, {"events"}, {"audit", "verify"}, {"serve", "--dev", "--listen", "127.0.0.1:0"}} {
		if text, code := printed(t, append(args, "--data", data)...); code != 1 {
			t.Errorf("nems %s on the folder whose service has moved: expected exit code 1; received %d: %s", args[0], code, text)
		}
	}

	s.Config.Database = dsn
	s.Run()
	s.Publish(s.Publisher(), message)
	after := s.Collect(nodetest.LeedsBox)
	if len(after) != 4 {
		t.Fatalf("%d copies after the move", len(after))
	}
	for i, c := range after {
		if i < 3 && c.MessageID != before[i] || !bytes.Equal(c.Body, message) {
			t.Errorf("copy %d: expected the id %v and the published bytes; received %v", i, before[min(i, 2)], c.MessageID)
		}
	}
	does(t, "nothing edited, removed", "audit", "verify", "--data", data, "--database", dsn)
	s.Stop()
	back := filepath.Join(t.TempDir(), "nems.db")
	does(t, "the audit verifies on both", "migrate", "--from", dsn, "--to", "sqlite:"+back)
	does(t, "whole: 4 messages", "check", "--data", filepath.Dir(back))
}

// TestKilledMoves kills a move at each of its points. The source still serves, no node
// starts on the target, and the same move succeeds afterwards.
func TestKilledMoves(t *testing.T) {
	program := filepath.Join(t.TempDir(), "nems")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := pgtest.Boot(t)
	s := nodetest.Boot(t)
	s.Clock.Set(time.Now()) // that of the commands
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", "9912003888"))
	s.Stop()
	source := "sqlite:" + filepath.Join(s.Config.Data, "nems.db")
	full := server.Database(t)
	does(t, "moved", "migrate", "--from", source, "--to", full)
	for i, point := range append(crashpoint.Moves, crashpoint.MoveTable+":10") {
		for _, way := range []struct{ from, to string }{
			{source, server.Database(t)}, {full, "sqlite:" + filepath.Join(t.TempDir(), fmt.Sprint("nems", i, ".db"))},
		} {
			move := exec.Command(program, "migrate", "--from", way.from, "--to", way.to)
			move.Env = append(os.Environ(), crashpoint.Variable+"="+point)
			if out, err := move.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("%s: not killed: %v\n%s", point, err, out)
			}
			for _, args := range [][]string{{"serve", "--dev", "--listen", "127.0.0.1:0"}, {"migrate"}, {"check"}} {
				args = append(args, "--data", t.TempDir(), "--database", way.to)
				out, err := exec.Command(program, args...).CombinedOutput()
				if err == nil || !strings.Contains(string(out), "was begun and not finished") {
					t.Errorf("killed at %s: nems %s: %v: %s", point, args[0], err, out)
				}
			}
			does(t, "equal on both sides", "migrate", "--from", way.from, "--to", way.to)
			does(t, "up to date", "migrate", "--database", way.to)
		}
	}
}

package node_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/datafolder"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestCheckUp checks that a correct configuration has no findings, and that everything wrong is
// named.
func TestCheckUp(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	d, err := datafolder.OpenDirectory(p.Config.Data)
	if err == nil {
		err = devworld.Seed(t.Context(), d)
	}
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	wrongs := func(c node.Config, now func() time.Time) (found []string) {
		for _, f := range node.CheckUp(t.Context(), c, node.Environment{Now: now, Log: slog.New(slog.DiscardHandler)}) {
			if f.Wrong != nil {
				found = append(found, f.What+": "+f.Wrong.Error())
			}
		}
		return found
	}
	if got := wrongs(p.Config, p.Clock.Now); len(got) > 0 {
		t.Errorf("beside the service that runs on it: %v", got)
	}
	p.Stop()
	if got := wrongs(p.Config, p.Clock.Now); len(got) > 0 {
		t.Errorf("after it has ended: %v", got)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("nonsense, and long enough to be no empty database of a hundred bytes, which is how long its head is at least"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*node.Config){
		"configuration: mesh-shared-key": func(c *node.Config) { c.MESHSharedKey = "" },
		"fhir certificates: ":            func(c *node.Config) { c.FHIR.Key = file },
		"mesh certificates: client-ca":   func(c *node.Config) { c.MESH.ClientCA = file },
		"client-crl":                     func(c *node.Config) { c.FHIR.ClientCRL = file },
		"data folder: ":                  func(c *node.Config) { c.Data = file },
		"database: ":                     func(c *node.Config) { c.Database = "sqlite:" + file },
		"nothing was imported":           func(c *node.Config) { c.Data = t.TempDir() },
		"event types: ":                  func(c *node.Config) { c.EventTypes = file },
		"audit: ":                        func(c *node.Config) { c.AuditKey = file },
	} {
		c := p.Config
		change(&c)
		if got := strings.Join(wrongs(c, p.Clock.Now), "\n"); !strings.Contains(got, want) {
			t.Errorf("expected %q among what is wrong; received %q", want, got)
		}
	}
	if got := strings.Join(wrongs(p.Config, func() time.Time { return nodetest.Start.Add(-time.Hour) }), "\n"); !strings.Contains(got, "clock: ") {
		t.Errorf("a clock that is behind: %q", got)
	}
	unsigned := p.Config
	unsigned.AuditKey = ""
	if got := strings.Join(wrongs(unsigned, func() time.Time { return nodetest.Start.Add(-time.Hour) }), "\n"); !strings.Contains(got, "behind the last commit") {
		t.Errorf("a clock that is behind, without checkpoints: %q", got)
	}
	if got := strings.Join(wrongs(p.Config, func() time.Time { return nodetest.Start.Add(3 * yearLong) }), "\n"); !strings.Contains(got, "expired on") {
		t.Errorf("certificates that have expired: %q", got)
	}
}

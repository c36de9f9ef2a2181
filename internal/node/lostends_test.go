package node_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/datafolder"
	"nems/internal/node"
	"nems/internal/operator"
)

// start starts a node that is expected to refuse.
func (p *production) start() error {
	return node.Run(p.t.Context(), p.Config, node.Environment{Log: slog.New(slog.NewTextHandler(p.Log, nil)), Now: p.Clock.Now, Steady: p.Clock.Steady})
}

// signed waits until the file of checkpoints has grown beyond a size.
func (p *production) signed(size int) {
	p.t.Helper()
	p.eventually("a checkpoint", func() bool {
		info, err := os.Stat(filepath.Join(p.Config.Data, "audit.checkpoints"))
		return err == nil && info.Size() > int64(size)
	})
}

// TestLostCheckpointsAreNoticed checks that a database whose checkpoints were
// removed is refused like one that has lost its end, because without the
// checkpoints a lost end cannot be noticed.
func TestLostCheckpointsAreNoticed(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	p.signed(0)
	p.Stop()
	file := filepath.Join(p.Config.Data, "audit.checkpoints")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"emptied": func() error { return os.Truncate(file, 0) },
		"torn":    func() error { return os.WriteFile(file, whole[:40], 0o600) },
		"removed": func() error { return os.Remove(file) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := p.start(); err == nil || !strings.Contains(err.Error(), "accept-lost-tail") {
			t.Fatalf("%s: %v", name, err)
		}
		wrong := false
		for _, f := range node.CheckUp(t.Context(), p.Config, node.Environment{Now: p.Clock.Now, Log: slog.New(slog.DiscardHandler)}) {
			wrong = wrong || f.What == "audit" && f.Wrong != nil
		}
		if !wrong {
			t.Errorf("%s: a check-up finds nothing wrong", name)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Run() // it is back
	p.signed(len(whole))
	p.Stop()

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.Config.AcceptLostTail = true
	p.Run()
	p.signed(0)
	p.Stop()
	p.Config.AcceptLostTail = false
	p.Run()
	p.Stop()

	// The checkpoints of a new key begin again.
	p.Config.AuditKey = p.path("new.key")
	if err := operator.MakeAuditKey(p.Config.AuditKey); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.Run()
	p.Stop()
}

// TestFirstKeyOfAnOldDatabase checks that a service that has run without a key may get one.
func TestFirstKeyOfAnOldDatabase(t *testing.T) {
	t.Parallel()
	p := bootProduction(t, func(c *node.Config) { c.AuditKey = "" })
	p.Stop()
	p.Config.AuditKey = p.path("audit.key")
	p.Run()
	p.signed(0)
	p.Stop()
}

// TestLostTailIsNoticed checks that a database that ends before its last
// checkpoint is refused, unless an operator confirms that it was put back on
// purpose.
func TestLostTailIsNoticed(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	p.publish()
	backup, ignore := t.TempDir(), func(string, int, int) {}
	if err := datafolder.Backup(t.Context(), p.Config.Data, "", backup, ignore); err != nil {
		t.Fatal(err)
	}
	p.publish()
	p.Stop() // signs the ends of the chains
	older := t.TempDir()
	if err := datafolder.Restore(t.Context(), backup, older, ignore); err != nil {
		t.Fatal(err)
	}
	checkpoints, err := os.ReadFile(filepath.Join(p.Config.Data, "audit.checkpoints"))
	if err == nil {
		err = os.WriteFile(filepath.Join(older, "audit.checkpoints"), checkpoints, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Config.Data = older
	if err := p.start(); err == nil || !strings.Contains(err.Error(), "accept-lost-tail") {
		t.Fatalf("started on the older copy: %v", err)
	}
	p.Config.AcceptLostTail = true
	p.Run()
	p.Stop()
	p.Config.AcceptLostTail = false
	p.Run() // what was accepted once is known from then on
	p.Stop()
	for _, text := range []string{"lost something"} {
		if !strings.Contains(p.Log.String(), text) {
			t.Errorf("the log does not say %q", text)
		}
	}
}

package node_test

import (
	"strings"
	"testing"
	"time"

	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestOlderListAfterARestart checks that a revocation list that was in force is not
// replaced by an older one after a restart, unless that is intended.
func TestOlderListAfterARestart(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	older, err := p.authority.Revocations(nodetest.Start.Add(-time.Hour), yearLong)
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	p.write("crl.pem", older)
	if err := p.start(); err == nil || !strings.Contains(err.Error(), "older than the list in force") {
		t.Fatalf("started with the older list: %v", err)
	}
	wrong := func() (found bool) {
		for _, f := range node.CheckUp(t.Context(), p.Config, node.Environment{Now: p.Clock.Now}) {
			found = found || f.Wrong != nil && strings.Contains(f.Wrong.Error(), "older than the list in force")
		}
		return found
	}
	if !wrong() {
		t.Error("a check-up finds nothing")
	}
	p.Config.AcceptOlderCRL = true
	if wrong() {
		t.Error("a check-up does not accept it")
	}
	p.Run()
	p.Stop()
	p.Config.AcceptOlderCRL = false
	p.Run() // what was accepted once is in force
	p.Stop()
}

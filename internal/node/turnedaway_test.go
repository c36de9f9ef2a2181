package node_test

import (
	"strconv"
	"strings"
	"testing"

	"nems/internal/mesh"
	"nems/internal/node/nodetest"
)

// TestRefusedTokensAreShown checks that operators see who guesses at a mailbox and
// how often, and nothing that was guessed.
func TestRefusedTokensAreShown(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	const guesses = 20
	wrong, list := mesh.NewSigner(nodetest.LeedsBox, "guessed", []byte(meshKey)), p.lister()
	var tokens []string
	for range guesses {
		token := wrong.Token(p.Clock.Now())
		tokens = append(tokens, strings.TrimPrefix(token, mesh.Scheme+" "))
		if status := list(token); status != 403 {
			t.Fatalf("a guess: %d", status)
		}
	}
	good := mesh.NewSigner(nodetest.LeedsBox, boxPassword, []byte(meshKey)).Token(p.Clock.Now())
	if first, again := list(good), list(good); first != 200 || again != 403 {
		t.Fatalf("a token twice: %d, %d", first, again)
	}
	for reason, n := range map[string]int{"wrong token": guesses, "used token": 1} {
		if line := `nems_mesh_refused_total{reason="` + reason + `"} ` + strconv.Itoa(n) + "\n"; !strings.Contains(p.metrics(), line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	p.Stop() // what was counted is logged at the latest when the node ends
	log, told := p.Log.String(), 0
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "a MESH caller was turned away") || !strings.Contains(line, `reason="wrong token"`) {
			continue
		}
		for _, want := range []string{"listener=mesh", "peer=127.0.0.1 ", "mailbox=" + nodetest.LeedsBox, "certificate=" + leedsName} {
			if !strings.Contains(line, want) {
				t.Errorf("no %s in %s", want, line)
			}
		}
		_, count, _ := strings.Cut(line, "count=")
		n, _ := strconv.Atoi(strings.Fields(count)[0])
		told += n
	}
	if told != guesses {
		t.Errorf("%d of %d guesses are told", told, guesses)
	}
	for _, secret := range append(tokens, boxPassword, "guessed", meshKey, strings.TrimPrefix(good, mesh.Scheme+" ")) {
		if strings.Contains(log, secret) {
			t.Error("a secret is in the log")
		}
	}
}

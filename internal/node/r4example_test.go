package node_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// TestR4Example runs the receiver of the handbook: it takes a handshake and an event.
func TestR4Example(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	here := nodetest.Boot(t)
	cmd := exec.Command(python, "../../docs/examples/r4_receiver.py")
	cmd.Env = append(os.Environ(), "PORT=0", "HOOK_SECRET=one-two-three")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	next := func(want string) string {
		t.Helper()
		line, err := lines.ReadString('\n')
		rest, found := strings.CutPrefix(line, want)
		if err != nil || !found {
			t.Fatalf("expected %q; received %q, %v", want, line, err)
		}
		return strings.TrimSpace(rest)
	}
	url := "http://127.0.0.1:" + next("listening on ")
	leeds := r4Leeds(here)
	id := leeds.made(t, r4Body(url, "id-only"))
	next("handshake")
	leeds.has(t, id, "active")
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	next("event-notification 1")
}

package node_test

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/webhook"
)

// TestWebhookExample runs the receiver of the handbook: it takes what the service
// signs, and nothing that somebody else makes of it.
func TestWebhookExample(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	here := nodetest.Boot(t)
	desk := here.Desk()
	// The secret is known before the receiver listens: its address follows.
	secret := hook(t, desk, "HOOK", "http://127.0.0.1:1/", webhook.Signal)
	cmd := exec.Command(python, "../../docs/examples/webhook_receiver.py")
	cmd.Env = append(os.Environ(), "PORT=0", "WEBHOOK_SECRETS="+secret)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := "http://127.0.0.1:" + strings.TrimSpace(strings.TrimPrefix(first, "listening on"))
	if _, err := operator.PutEndpoint.Do(t.Context(), desk, operator.Endpoint{ID: "HOOK", ODS: "RR8", URL: url}); err != nil {
		t.Fatal(err)
	}
	here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, "HOOK")
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	// The machine's clock is the receiver's: what bears the test's time is too old.
	here.Eventually("it is refused for its time", func() bool {
		a, err := operator.TestEndpoint.Do(t.Context(), desk, operator.EndpointRef{ID: "HOOK"})
		return err == nil && a.Status == http.StatusUnauthorized
	})
	here.Clock.Set(time.Now())
	here.Eventually("the copy comes", func() bool {
		line, err := lines.ReadString('\n')
		return err == nil && strings.HasPrefix(line, "imms-vaccination-record-change-1 ")
	})
	forged, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte("{}")))
	if err != nil {
		t.Fatal(err)
	}
	forged.Header.Set("webhook-id", "1")
	forged.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	forged.Header.Set("webhook-signature", "v1,AAAA")
	answer, err := http.DefaultClient.Do(forged)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged request: %d", answer.StatusCode)
	}
}

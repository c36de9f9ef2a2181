package node_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/mesh"
	"nems/internal/node/nodetest"
)

// TestClockJumpIsShown checks that a jump is in the log once, in the metrics,
// on the page, and with the answer that the node is ready. After the next start
// it is shown again if the last commit was made by the wrong clock.
func TestClockJumpIsShown(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	shows := func(path, what string) bool { return strings.Contains(string(s.Get(path).Body), what) }
	s.Clock.Jump(25 * time.Hour)
	s.Eventually("the jump is counted", func() bool { return shows("/metrics", `nems_clock_jumps_total{direction="forward"} 1`) })
	for _, path := range []string{"/console/", "/health/ready"} {
		if !shows(path, "jumped forward by 25h0m0s") {
			t.Errorf("%s shows no jump: %s", path, s.Get(path).Body)
		}
	}
	if a := s.Get("/health/ready"); a.Status != 200 || !strings.HasPrefix(string(a.Body), `{"status":"ok",`) {
		t.Errorf("the node is ready nevertheless: %d %s", a.Status, a.Body)
	}
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", "9912003888"))
	s.Stop()
	s.Clock.Jump(-25 * time.Hour)
	s.Run()
	if !shows("/health/ready", "behind the last commit") {
		t.Errorf("a start behind the last commit: %s", s.Get("/health/ready").Body)
	}
	for line, want := range map[string]int{`msg="the clock jumped" by=25h0m0s`: 1, `msg="the clock is behind the store"`: 1} {
		if got := strings.Count(s.Log.String(), line); got != want {
			t.Errorf("the log has %q %d times", line, got)
		}
	}
}

// TestClockThatIsPutRight checks that nothing is removed for its age while a
// clock is wrong. Afterwards a message that a publisher sends again is
// recognised, and so is a token that was used before.
func TestClockThatIsPutRight(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	s.Publish(s.Publisher(), message, client.WithIdempotencyKey("first"))
	if n := len(s.Collect(leeds)); n != 1 {
		t.Fatalf("%d copies", n)
	}
	token := mesh.NewSigner(leeds, devworld.Password, []byte(devworld.SharedKey)).Token(s.Clock.Now())
	look := func() int {
		r := &nodetest.Request{Method: "GET", Path: "/messageexchange/" + leeds + "/inbox", Header: http.Header{"Authorization": {token}}}
		return s.Send(r).Status
	}
	commits := func() (n float64) {
		t.Helper()
		_, figure, _ := strings.Cut(string(s.Get("/metrics").Body), "\nnems_commits_total ")
		if _, err := fmt.Sscan(figure, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if status := look(); status != 200 {
		t.Fatalf("a new token: %d", status)
	}
	const years = 10 * 365 * 24 * time.Hour
	s.Clock.Jump(years)
	before := commits()
	s.Eventually("house was kept", func() bool { return commits() >= before+15 }) // six commits a round
	if n := len(s.Collect(leeds)); n != 0 {                                       // with new tokens
		t.Errorf("%d copies", n)
	}
	s.Clock.Jump(-years)
	s.Publish(s.Publisher(), message, client.WithIdempotencyKey("first"))
	if n := len(s.Collect(leeds)); n != 0 {
		t.Errorf("the key was forgotten: %d copies", n)
	}
	if status := look(); status != 403 {
		t.Errorf("the used token was forgotten: %d", status)
	}
}

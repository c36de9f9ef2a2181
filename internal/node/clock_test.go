package node_test

import (
	"strings"
	"testing"
	"time"

	"nems/internal/node/nodetest"
)

// A jump is in the log once, in the metrics, on the page and beside the answer
// that the node is ready; and again at the next start, if what was committed by
// the wrong clock is the last.
func TestClockJumpIsShown(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	shows := func(path, what string) bool { return strings.Contains(string(s.Get(path).Body), what) }
	s.Clock.Jump(25 * time.Hour)
	s.Eventually("the jump is counted", func() bool { return shows("/metrics", `nems_clock_jumps_total{direction="forward"} 1`) })
	for _, path := range []string{"/", "/health/ready"} {
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

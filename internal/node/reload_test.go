package node_test

import (
	"log/slog"
	"strings"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestReload changes settings of a service that runs: those that can change do, the
// others are named, and a wrong configuration changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	reload, level := make(chan node.Config), new(slog.LevelVar)
	s := nodetest.BootIn(t, node.Environment{Reload: reload, Verbosity: level})
	publish := func() int {
		return s.Send(s.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))).Status
	}
	if status := publish(); status != 202 {
		t.Fatalf("before: %d", status)
	}

	c := s.Config
	c.RateLimit, c.LogLevel, c.Retention, c.OperatorToken = 1e-9, "warn", 2*c.Retention, "a secret"
	reload <- c
	s.Eventually("it is logged", func() bool {
		return strings.Contains(s.Log.String(), `changed="[rate-limit log-level]" needRestart="[operator-token retention]"`)
	})
	if level.Level() != slog.LevelWarn {
		t.Errorf("the level is %s", level.Level())
	}
	if first, second := publish(), publish(); first != 202 || second != 429 {
		t.Errorf("a request in a long time: expected 202 and 429; received %d and %d", first, second)
	}

	wrong := c
	wrong.RateLimit, wrong.Drain, wrong.LogLevel = 0, -1, "error"
	reload <- wrong
	s.Eventually("the mistake is logged", func() bool { return strings.Contains(s.Log.String(), "the one before stays in force") })
	if status := publish(); status != 429 || level.Level() != slog.LevelWarn {
		t.Errorf("after a wrong configuration: received %d, level %s", status, level.Level())
	}

	reload <- s.Config // as it was at the start
	s.Eventually("the limit is gone", func() bool { return publish() == 202 })
	if strings.Contains(s.Log.String(), "a secret") {
		t.Error("the log has the value of a secret")
	}
}

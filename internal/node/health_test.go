package node_test

import (
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

func TestHealthAndFigures(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	for _, path := range []string{"/health", "/health/live", "/health/ready"} {
		if a := s.Get(path); a.Status != 200 || string(a.Body) != `{"status":"ok"}`+"\n" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", "9912003888"))
	figures := string(s.Get("/metrics").Body)
	for _, want := range []string{
		"nems_commit_size_bucket{le=\"1\"}", "nems_commit_size_count", "nems_commits_total",
		"nems_events_unrouted{state=\"pending\"} 0", "nems_events_unrouted{state=\"refused\"} 0", "nems_events_unrouted_oldest_seconds 0",
		`nems_inbox_oldest_seconds{mailbox="` + leeds + `"} `,
		"nems_answers_total{action=\"publish\",code=\"\",status=\"202\"} 1",
	} {
		if !strings.Contains(figures, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

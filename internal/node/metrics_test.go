package node_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// figure returns the value of a line of the metrics, 0 where there is none.
func figure(t *testing.T, metrics, series string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(metrics)
	if m == nil {
		return 0
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatalf("%s: %v", series, err)
	}
	return value
}

// TestSlowAnswersLeadToTheirRequests: to a Prometheus that asks for OpenMetrics, the times
// of FHIR and of MESH have ids of requests as exemplars.
func TestSlowAnswersLeadToTheirRequests(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	published := s.Send(s.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)))
	pinged := s.Get("/messageexchange/_ping")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for what, id := range map[string]string{
		`nems_answer_seconds_bucket{action="publish"`:   published.Header.Get("X-Request-ID"),
		`nems_mesh_answer_seconds_bucket{action="ping"`: pinged.Header.Get("X-Request-ID"),
	} {
		line := regexp.MustCompile(regexp.QuoteMeta(what) + `[^\n]* # {request_id="` + id + `"}`)
		if id == "" || !line.Match(metrics) {
			t.Errorf("%s has no exemplar with the id %q", what, id)
		}
	}
}

// TestEveryStageIsTimed publishes once and fails once, collects the copy, and looks at
// the metrics of all that.
func TestEveryStageIsTimed(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	if a := s.Send(s.PublishRequest([]byte("<no"))); a.Status != http.StatusBadRequest {
		t.Errorf("what is not XML: expected 400; received %d", a.Status)
	}
	s.Collect(leeds)
	metrics := string(s.Get("/metrics").Body)
	for series, want := range map[string]float64{
		`nems_publish_stage_seconds_count{stage="read"}`:             2,
		`nems_publish_stage_seconds_count{stage="check"}`:            2,
		`nems_publish_stage_seconds_count{stage="patient"}`:          1,
		`nems_publish_stage_seconds_count{stage="commit"}`:           1,
		`nems_publish_stage_seconds_count{stage="answer"}`:           1,
		`nems_answer_seconds_count{action="publish"}`:                2,
		"nems_events_accepted_total":                                 1,
		`nems_copies_total{fate="made"}`:                             1,
		`nems_copies_total{fate="collected"}`:                        1,
		`nems_mesh_answers_total{action="acknowledge",status="200"}`: 1,
		`nems_mesh_answer_seconds_count{action="acknowledge"}`:       1,
		"nems_ready":                             1,
		`nems_directory_filled{part="patients"}`: 1,
	} {
		if got := figure(t, metrics, series); got != want {
			t.Errorf("%s: expected %v; received %v", series, want, got)
		}
	}
	for _, above := range []string{"nems_commit_seconds_count", "nems_data_free_bytes", "nems_data_size_bytes"} {
		if figure(t, metrics, above) <= 0 {
			t.Errorf("%s: expected more than 0", above)
		}
	}
	if !strings.Contains(metrics, `store="sqlite"`) || !strings.Contains(metrics, `profile="dev"`) {
		t.Error("nems_build_info does not say what this node is")
	}
}

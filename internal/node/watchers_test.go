package node_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"nems/docs"
	"nems/internal/node/nodetest"
)

const deployed = "../../deploy/"

// alert is what the tests read of an alert.
type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

// alerts reads deploy/prometheus/nems.rules.yaml.
func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	text, err := os.ReadFile(deployed + "prometheus/nems.rules.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// dashboardQueries reads deploy/grafana/nems.json.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	var file struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	text, err := os.ReadFile(deployed + "grafana/nems.json")
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range file.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\bnems_\w+`)
	described  = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)`)
)

// notHere are metrics that neither of the two services of TestMetricsExist has, with
// the file that makes them. Their tests are where that is tested.
var notHere = map[string]string{
	"nems_database_standbys":         "metricsstate.go",       // PostgreSQL
	"nems_pds_lookup_seconds_bucket": "pds.go",                // PDS
	"nems_courier_deliveries_total":  "../courier/metrics.go", // a remote MESH
	"nems_courier_reports_total":     "../courier/metrics.go",
	"nems_courier_backlog":           "../courier/metrics.go", // a mailbox there
	"nems_courier_oldest_seconds":    "../courier/metrics.go",
	"nems_courier_parked":            "../courier/metrics.go",
	"nems_inbox_parked":              "backlog.go", // a parked copy
	"nems_quota_used":                "quotas.go",  // counted once in a while
	"nems_mesh_refused_total":        "metrics.go", // somebody who was turned away
	"nems_tls_refused_total":         "../mtls/watch.go",
	"nems_certificate_reloads_total": "../mtls/watch.go", // changed files
}

// TestMetricsExist looks for every metric that an alert or the dashboard names in what
// services expose: a development one that was used, and one in production.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	s, p := nodetest.Boot(t), bootProduction(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	_ = s.Mailbox(leeds).Handshake(t.Context())
	exposed := map[string]bool{}
	for _, m := range described.FindAllStringSubmatch(string(s.Get("/metrics").Body)+p.metrics(), -1) {
		exposed[m[1]] = true
		if m[2] == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				exposed[m[1]+part] = true
			}
		}
	}
	queries := dashboardQueries(t)
	for _, a := range alerts(t) {
		queries = append(queries, a.Expr)
	}
	named := 0
	for _, q := range queries {
		for _, name := range metricName.FindAllString(q, -1) {
			named++
			if exposed[name] {
				continue
			}
			source, err := os.ReadFile(notHere[name])
			if err != nil || !strings.Contains(string(source), `"`+strings.TrimSuffix(name, "_bucket")+`"`) {
				t.Errorf("%s: no such metric: %s", name, q)
			}
		}
	}
	if named < 50 {
		t.Errorf("only %d metrics are named", named)
	}
}

// TestRunbook: every alert has its section in the runbook, and every section its alert.
// A section says what the night shift needs to know.
func TestRunbook(t *testing.T) {
	t.Parallel()
	text, err := docs.Files.ReadFile("runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for i, section := range strings.Split(string(text), "\n## ") {
		if title, body, _ := strings.Cut(section, "\n"); i > 0 {
			sections[title] = body
		}
	}
	for _, a := range alerts(t) {
		section, there := sections[a.Alert]
		if !there {
			t.Errorf("%s: no section in the runbook", a.Alert)
		}
		delete(sections, a.Alert)
		for _, part := range []string{"What it means", "How bad", "How to look", "What to do", "How to know that it is over"} {
			if !strings.Contains(section, "**"+part+".** ") {
				t.Errorf("%s: the runbook does not say: %s", a.Alert, part)
			}
		}
		if want := "docs/runbook.md#" + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url: expected %s; received %s", a.Alert, want, a.Annotations["runbook_url"])
		}
		if !slices.Contains([]string{"warning", "critical"}, a.Labels["severity"]) || a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s: expected a severity, a summary and a description", a.Alert)
		}
		if critical := strings.Contains(section, "**How bad.** Critical"); critical != (a.Labels["severity"] == "critical") {
			t.Errorf("%s: the severity is %s; the runbook says otherwise", a.Alert, a.Labels["severity"])
		}
	}
	for title := range sections {
		t.Errorf("the runbook has a section %s, but there is no such alert", title)
	}
}

// Package test tests the alerts and the dashboard with the libraries of Prometheus and
// promtool: its reader of rules, its rule manager and its engine. It is a module of its
// own, because Prometheus brings far more modules than NEMS has.
package test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

const rulesFile = "../nems.rules.yaml"

// readRules loads the alerts as Prometheus does.
func readRules(t *testing.T, suite *promqltest.LazyLoader) map[string]*rules.Group {
	t.Helper()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage()),
		AppendableV2: suite.Storage(), Context: t.Context(), Logger: promslog.NewNopLogger(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Parser:     parser.NewParser(parser.Options{}),
	})
	groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, rulesFile)
	for _, err := range errs {
		t.Fatal(err)
	}
	return groups
}

// alertsOf returns the alerts of all groups by name.
func alertsOf(groups map[string]*rules.Group) map[string]*rules.AlertingRule {
	all := map[string]*rules.AlertingRule{}
	for _, g := range groups {
		for _, r := range g.AlertingRules() {
			r.SetRestored(true)
			all[r.Name()] = r
		}
	}
	return all
}

// loader returns a store that fills with an example's samples as time goes on.
func loader(t *testing.T, series map[string]string) *promqltest.LazyLoader {
	t.Helper()
	var input strings.Builder
	input.WriteString("load 1m\n")
	for name, values := range series {
		fmt.Fprintf(&input, "  %s %s\n", name, values)
	}
	suite, err := promqltest.NewLazyLoader(input.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = suite.Close() })
	return suite
}

// TestAlertsFire checks every example of every alert.
func TestAlertsFire(t *testing.T) {
	known := alertsOf(readRules(t, loader(t, nil)))
	for name := range known {
		fires, silent := 0, 0
		for _, e := range examples[name] {
			if e.fires == quiet {
				silent++
			} else {
				fires++
			}
		}
		if fires == 0 || silent == 0 {
			t.Errorf("%s: expected examples in which it fires and in which it does not; there are %d and %d", name, fires, silent)
		}
	}
	for name, all := range examples {
		if known[name] == nil {
			t.Errorf("%s: there are examples, but no such alert", name)
			continue
		}
		for i, e := range all {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) { e.check(t, name) })
		}
	}
}

// check evaluates one alert every minute up to the moment of the example.
func (e example) check(t *testing.T, name string) {
	suite := loader(t, e.series)
	rule := alertsOf(readRules(t, suite))[name]
	until, err := model.ParseDuration(e.at)
	if err != nil {
		t.Fatal(err)
	}
	query := rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage())
	start := time.Unix(0, 0).UTC()
	for at := start; !at.After(start.Add(time.Duration(until))); at = at.Add(time.Minute) {
		suite.WithSamplesTill(at, func(err error) {
			if err == nil {
				_, err = rule.Eval(suite.Context(), 0, at, query, nil, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	found := []string{}
	for _, a := range rule.ActiveAlerts() {
		if a.State == rules.StateFiring {
			found = append(found, strings.ReplaceAll(labels.NewBuilder(a.Labels).Del(labels.AlertName, "severity").Labels().String(), ", ", ","))
			a.Annotations.Range(func(l labels.Label) {
				if l.Value == "" || strings.Contains(l.Value, "<no value>") || strings.Contains(l.Value, "error") && strings.Contains(l.Value, "template") {
					t.Errorf("annotation %s: %s", l.Name, l.Value)
				}
			})
		}
	}
	want := e.fires
	if want == quiet {
		want = ""
	}
	if got := strings.Join(found, " "); got != want {
		t.Errorf("%s after %s of %v: expected %q; received %q", name, e.at, e.series, want, got)
	}
}

// TestAnnotations: whoever is woken up learns what it is, how bad, and where to read on.
func TestAnnotations(t *testing.T) {
	for name, r := range alertsOf(readRules(t, loader(t, nil))) {
		if s := r.Labels().Get("severity"); s != "warning" && s != "critical" {
			t.Errorf("%s: severity %q", name, s)
		}
		for _, a := range []string{"summary", "description"} {
			if r.Annotations().Get(a) == "" {
				t.Errorf("%s: no %s", name, a)
			}
		}
		if want := "docs/runbook.md#" + strings.ToLower(name); r.Annotations().Get("runbook_url") != want {
			t.Errorf("%s: runbook_url: expected %s; received %s", name, want, r.Annotations().Get("runbook_url"))
		}
	}
}

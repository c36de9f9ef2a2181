//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/deploy"
)

// TestLedger: an event counts as lost if it was accepted and no copy came, as doubled if
// two came, and a copy that is downloaded again is no second one.
func TestLedger(t *testing.T) {
	l := newLedger([]byte("<x/>"))
	l.begin("f")
	from := time.Now()
	accept := func() []byte {
		message, e := l.issue()
		l.told(e, time.Now(), nil)
		return message
	}
	_ = accept()
	l.received("1", accept())
	twice := accept()
	l.received("2", twice)
	l.received("2", twice)
	l.received("3", twice)
	_, e := l.issue()
	if l.told(e, time.Now(), errors.New("503")) {
		t.Error("an attempt that failed counts as accepted")
	}
	l.received("4", []byte("<x/><!-- other -->"))
	r := row{Fault: "f"}
	l.measure(&r, from, time.Now())
	l.count(&r)
	if r.Accepted != 3 || r.Delivered != 2 || r.Lost != 1 || r.Doubled != 1 || r.Unheard != 1 || r.Failed != 1 || r.FirstFailure < 0 || l.wrong != 1 {
		t.Errorf("%+v, %d wrong", r, l.wrong)
	}
}

// TestOutage: it is the longest time without a 202, also at the end.
func TestOutage(t *testing.T) {
	l := newLedger(nil)
	from := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, second := range []time.Duration{-5, 1, 8, 9} {
		l.accepted = append(l.accepted, from.Add(second*time.Second))
	}
	for to, want := range map[time.Duration]int64{10: 7000, 30: 21000} {
		r := row{}
		if l.measure(&r, from, from.Add(to*time.Second)); r.Outage != want {
			t.Errorf("until %d s: expected %d ms; received %d", to, want, r.Outage)
		}
	}
}

// TestProxyConfig: HAProxy reads what is made of the configuration for Compose.
func TestProxyConfig(t *testing.T) {
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("haproxy is not installed: not tried")
	}
	config := proxyConfig(deploy.HAProxy, t.TempDir(), []*host{{name: "node1", address: "127.0.0.1"}, {name: "node2", address: "127.0.0.2"}})
	if strings.Count(config, "server node") != 2 || strings.Contains(config, "nems1:") || strings.Contains(config, "mesh") {
		t.Errorf("expected two nodes and no others:\n%s", config)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), haproxy, "-c", "-f", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestTable: a person gets a table, a program JSON.
func TestTable(t *testing.T) {
	rows := []row{{Fault: "none", FirstFailure: -1, Outage: 12, Accepted: 3, Delivered: 3}}
	var out bytes.Buffer
	if err := show(&out, rows, "table"); err != nil || !strings.Contains(out.String(), "none") || !strings.Contains(out.String(), "12 ms") {
		t.Errorf("%v: %s", err, out.String())
	}
	out.Reset()
	var back []row
	if err := errors.Join(show(&out, rows, "json"), json.Unmarshal(out.Bytes(), &back)); err != nil || len(back) != 1 || back[0].Accepted != 3 || back[0].FirstFailure != -1 {
		t.Errorf("%v: %+v", err, back)
	}
	if _, err := chosen("leader-machine,nobody"); err == nil {
		t.Error("expected that an unknown fault is refused")
	}
}

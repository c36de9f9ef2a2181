package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// TestCountsCommand checks that what was published and refused is counted, while the
// service runs and when it is stopped.
func TestCountsCommand(t *testing.T) {
	s := nodetest.Boot(t)
	s.Send(s.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)))
	count := func() (published int64) {
		t.Helper()
		day := nodetest.Start.Add(-24 * time.Hour).Format(time.RFC3339)
		var counts operator.Counts
		text := does(t, "", "counts", "--per", "hour", "--since", day, "--until", nodetest.Start.Add(24*time.Hour).Format(time.RFC3339), "--format", "json", "--data", s.Config.Data)
		if err := json.Unmarshal([]byte(text), &counts); err != nil || len(counts.Bars) != 48 {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, b := range counts.Bars {
			published += b.Published
		}
		return published
	}
	if n := count(); n != 1 {
		t.Errorf("expected 1 event, received %d", n)
	}
	s.Stop()
	does(t, "PUBLISHED", "counts", "--data", s.Config.Data)
	fails(t, "counts", "--since", "2020-01-01", "--data", s.Config.Data)
}

func TestCountRows(t *testing.T) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	got := countRows(operator.Counts{Per: operator.PerDay, Bars: []operator.Count{
		{At: at, Published: 300, Matched: 200, Copies: 250, Collected: 9}, {At: at.AddDate(0, 0, 1), Published: 30, Refused: 1}, {At: at.AddDate(0, 0, 2)}}}, true)
	want := [][]string{
		{"2026-03-02", "300", "0", "200", "250", "9", "########################################"},
		{"2026-03-03", "30", "1", "0", "0", "0", "####x"},
		{"2026-03-04", "0", "0", "0", "0", "0", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

package play_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/play"
	"nems/internal/scenario"
	"nems/internal/store/postgres/pgtest"
)

// service is a server as a play sees it.
func service(s *nodetest.Server) play.Service {
	d := play.Desk{Face: s.Desk()}
	return play.Service{Clock: d, Demographics: d, Counter: d, Provider: play.Client{Client: s.Publisher()}, Spine: play.Client{Client: s.Spine()}}
}

// twoWeeks is a scenario with all that providers publish, shorter than the month for
// which a service keeps events.
func twoWeeks(t *testing.T, seed uint64) *play.Plan {
	t.Helper()
	text, err := os.ReadFile("testdata/two-weeks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return written(t, string(text), seed)
}

func written(t *testing.T, text string, seed uint64) *play.Plan {
	t.Helper()
	script, err := scenario.Compile("my.yaml", []byte(text), scenario.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := play.FromScript(script, "my.yaml", play.System{ASID: nodetest.PublisherID, ODS: "A83627"})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// stored returns the messages that a server has, oldest first.
func stored(t *testing.T, s *nodetest.Server) (all []string) {
	t.Helper()
	for e, err := range operator.Each(t.Context(), s.Desk(), operator.FindEvents, operator.Matching(operator.EventFilter{})) {
		if err != nil {
			t.Fatal(err)
		}
		m, err := operator.ReadEvent.Do(t.Context(), s.Desk(), operator.EventReading{Event: fmt.Sprint(e.Event), Reason: "A test"})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m.Message)
	}
	slices.Reverse(all)
	return all
}

// TestSameSeedSameBytes plays the same scenario on both stores, with faults, and
// compares the stored messages byte for byte.
func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	here, there := nodetest.Boot(t), nodetest.Boot(t, func(c *node.Config) { c.Database = url })
	faults := play.Faults{Duplicate: .2, Reorder: .3, Delay: time.Hour, Gap: .1, Corrupt: .2, Refuse: .2, Lost: .2}
	for _, s := range []*nodetest.Server{here, there} {
		sum, err := twoWeeks(t, 7).Play(t.Context(), service(s), play.Options{Seed: 7, Faults: faults})
		if err != nil || sum.Done != sum.Steps || sum.Refused > 0 {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	one, other := stored(t, here), stored(t, there)
	if len(one) < 25 || len(one) != len(other) {
		t.Fatalf("%d messages and %d", len(one), len(other))
	}
	for i := range one {
		if one[i] != other[i] {
			t.Fatalf("message %d differs:\n%s\n%s", i, one[i], other[i])
		}
	}
}

// TestFaultsDoWhatTheySay plays with one fault at a time, each of them always.
func TestFaultsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	usual := 0
	for _, c := range []struct {
		name   string
		faults play.Faults
		check  func(sum *play.Summary, messages []string) string
	}{
		{"none", play.Faults{}, func(_ *play.Summary, m []string) string { usual = len(m); return "" }},
		{"lost", play.Faults{Lost: 1, Refuse: 1}, func(sum *play.Summary, m []string) string {
			if len(m) != usual || sum.Retries != 2*sum.Steps {
				return fmt.Sprintf("%d messages instead of %d, %d retries", len(m), usual, sum.Retries)
			}
			return ""
		}},
		{"corrupt", play.Faults{Corrupt: 1}, func(sum *play.Summary, m []string) string {
			if len(m) != usual || sum.Faults["corrupt"] == 0 {
				return fmt.Sprintf("%d messages instead of %d, %v", len(m), usual, sum.Faults)
			}
			return ""
		}},
		{"gap", play.Faults{Gap: 1}, func(_ *play.Summary, m []string) string {
			if slices.ContainsFunc(m, func(m string) bool { return strings.Contains(m, `"vaccinations-1"`) }) {
				return "a message was sent"
			}
			return ""
		}},
		{"duplicate", play.Faults{Duplicate: 1}, func(sum *play.Summary, m []string) string {
			if twice := len(m) - len(slices.Compact(slices.Sorted(slices.Values(m)))); twice == 0 || twice == sum.Faults["duplicate"] || len(m)-twice != usual {
				return fmt.Sprintf("%d of %d stored twice; %v", twice, len(m), sum.Faults)
			}
			return ""
		}},
		{"reorder", play.Faults{Reorder: 1}, func(sum *play.Summary, m []string) string {
			if len(m) != usual || sum.Faults["reorder"] == 0 {
				return fmt.Sprintf("%d messages, %v", len(m), sum.Faults)
			}
			return ""
		}},
	} {
		s := nodetest.Boot(t)
		sum, err := twoWeeks(t, 1).Play(t.Context(), service(s), play.Options{Seed: 1, Faults: c.faults})
		if err != nil || sum.Done != sum.Steps {
			t.Fatalf("%s: %+v, %v", c.name, sum, err)
		}
		if wrong := c.check(sum, stored(t, s)); wrong != "" {
			t.Errorf("%s: %s", c.name, wrong)
		}
	}
}

// moves is a scenario of three steps, a day between each and the next.
const moves = `
scenario: Three moves
start: 2026-03-02
patients:
  kim: {nhs-number: "9990000379", family: Farrow, given: [Kim], town: LEEDS}
happens:
  - {at: day 0, who: kim, moves: DURHAM}
  - {at: day 1, who: kim, moves: LEEDS}
  - {at: day 2, who: kim, contact-details: {phone: 07700 900123}}
`

// TestRefusalStops lets somebody change the record in between, so that the service
// refuses a step.
func TestRefusalStops(t *testing.T) {
	t.Parallel()
	s, plan := nodetest.Boot(t), written(t, moves, 1)
	sum, err := plan.Play(t.Context(), service(s), play.Options{Until: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)})
	if err != nil || sum.Done != 1 || sum.Next != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	merge := operator.RecordChange{Patient: "9990000379"}
	merge.Edit.SupersededBy = nodetest.Jack
	if _, err := operator.ChangeRecord.Do(t.Context(), s.Desk(), merge); err != nil {
		t.Fatal(err)
	}
	_, err = plan.Play(t.Context(), service(s), play.Options{From: 2})
	var stop *play.StopError
	if !errors.As(err, &stop) || stop.Step != 2 || !strings.HasPrefix(err.Error(), "my.yaml:8:27: step 2 of 3 (moved, 2026-03-03T09:00:00Z): ") || !strings.Contains(err.Error(), "--from 3 leaves it out") {
		t.Errorf("what stopped it: %v", err)
	}
	clock, err := operator.ShowClock.Do(t.Context(), s.Desk(), operator.None{})
	if err != nil || clock.Speed != 0 || !clock.Now.Equal(stop.At) {
		t.Errorf("the clock stands at %+v, %v", clock, err)
	}
	refused := 0
	sum, err = plan.Play(t.Context(), service(s), play.Options{From: 2, KeepGoing: true, Refused: func(error) { refused++ }})
	if err != nil || refused != 2 || sum.Refused != 2 {
		t.Errorf("with --keep-going: %d refused, %+v, %v", refused, sum, err)
	}
	if _, err = plan.Play(t.Context(), service(s), play.Options{}); err == nil || !strings.Contains(err.Error(), "empty data folder") {
		t.Errorf("a play that would go back: %v", err)
	}
	if _, err = plan.Play(t.Context(), service(s), play.Options{From: 9}); err == nil || !strings.Contains(err.Error(), "there are 3 steps") {
		t.Errorf("from beyond the end: %v", err)
	}
}

// TestSpeed checks how long a play waits between its steps.
func TestSpeed(t *testing.T) {
	t.Parallel()
	var waited time.Duration
	o := play.Options{Speed: 3600, Pause: func(_ context.Context, d time.Duration) error { waited += d; return nil }}
	if _, err := written(t, moves, 1).Play(t.Context(), service(nodetest.Boot(t)), o); err != nil {
		t.Fatal(err)
	}
	if want := 57 * time.Second; (waited - want).Abs() > time.Second { // two days and nine hours
		t.Errorf("waited %s instead of %s", waited, want)
	}
}

// TestStopped checks that a play that is interrupted says how to go on.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	o := play.Options{Progress: func(step, _ int, _ time.Time) {
		if step == 2 {
			stop()
		}
	}}
	sum, err := written(t, moves, 1).Play(ctx, service(nodetest.Boot(t)), o)
	if err == nil || !strings.Contains(err.Error(), "--from 2 goes on") || sum.Done != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	if bytes.Contains([]byte(err.Error()), []byte("9990000379")) {
		t.Error("the error names a patient")
	}
}

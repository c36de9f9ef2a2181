package node

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// wrongClock is a machine whose clock can be set, and the time that really passes.
type wrongClock struct {
	*clockWatch
	now         func() time.Time
	passed, set time.Duration
	log         bytes.Buffer
	figures     *prometheus.Registry
}

func newWrongClock() *wrongClock {
	w := &wrongClock{figures: prometheus.NewRegistry()}
	start := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	w.now = func() time.Time { return start.Add(w.passed + w.set) }
	w.clockWatch = newClockWatch(func() (time.Time, time.Duration) { return w.now(), w.passed }, w.now, slog.New(slog.NewTextHandler(&w.log, nil)))
	w.register(w.figures)
	return w
}

// after lets time pass and sets the clock, then checks it.
func (w *wrongClock) after(passed, set time.Duration) {
	w.passed, w.set = w.passed+passed, w.set+set
	w.look()
}

// figure returns the value of a metric with these label values.
func (w *wrongClock) figure(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	all, err := w.figures.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if family.GetName() == name && slices.Equal(values, labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() // only one of them is present
			}
		}
	}
	t.Fatalf("no metric %s %v", name, labels)
	return 0
}

func (w *wrongClock) want(t *testing.T, what string, forward, backward float64, last time.Duration, shown ...string) {
	t.Helper()
	f, b, size := w.figure(t, "nems_clock_jumps_total", "forward"), w.figure(t, "nems_clock_jumps_total", "backward"), w.figure(t, "nems_clock_last_jump_seconds")
	if f != forward || b != backward || size != last.Seconds() {
		t.Errorf("%s: %v forward, %v backward, the last by %v s", what, f, b, size)
	}
	if lines := strings.Count(w.log.String(), `msg="the clock jumped"`); lines != int(forward+backward) {
		t.Errorf("%s: logged %d times:\n%s", what, lines, w.log.String())
	}
	got := w.Notices()
	if !slices.EqualFunc(got, shown, strings.Contains) {
		t.Errorf("%s: shown is %q", what, got)
	}
}

func TestClockJumps(t *testing.T) {
	t.Parallel()
	w := newWrongClock()
	w.after(time.Second, 0)
	w.after(10*time.Hour, 0)                  // nobody checked for a long time
	w.after(time.Second, 59*time.Second)      // as NTP may correct it
	w.after(time.Second, -59*time.Second)     //
	w.want(t, "no jump", 0, 0, 0)             //
	w.after(time.Second, 10*365*24*time.Hour) // ten years
	w.after(time.Second, 0)                   // is one jump
	w.want(t, "ahead", 1, 0, 10*365*24*time.Hour, "jumped forward by 87600h0m0s, to 2036-02-28T22:00:04Z")
	w.after(5*time.Minute, -10*365*24*time.Hour)
	w.want(t, "put right", 1, 1, -10*365*24*time.Hour, "jumped forward", "jumped backward by 87600h0m0s, to 2026-03-02T22:05:05Z; since the start it was moved by 0s in all")
	w.after(noticeLife, 0)
	w.want(t, "a day later", 1, 1, -10*365*24*time.Hour)
	for range 3 * mostNotices {
		w.after(time.Second, 2*time.Minute)
	}
	if got := w.Notices(); len(got) != mostNotices {
		t.Errorf("of many jumps %d are shown", len(got))
	}
}

func TestClockBesideOthers(t *testing.T) {
	t.Parallel()
	w := newWrongClock()
	w.committed(time.Time{})
	w.committed(w.now().Add(farApart))
	w.compared(w.now().Add(-farApart))
	if got := w.Notices(); len(got) > 0 || w.log.Len() > 0 {
		t.Errorf("within a minute: %q\n%s", got, w.log.String())
	}
	w.committed(w.now().Add(26 * time.Hour))
	w.compared(w.now().Add(-3 * time.Hour))
	w.compared(w.now().Add(-3 * time.Hour)) // already known
	if got := w.Notices(); len(got) != 2 || !strings.Contains(got[0], "26h0m0s behind the last commit") || !strings.Contains(got[1], "differ by 3h0m0s") {
		t.Errorf("far apart: %q", got)
	}
	if got := strings.Count(w.log.String(), "level=WARN"); got != 2 {
		t.Errorf("%d warnings:\n%s", got, w.log.String())
	}
	if got := w.figure(t, "nems_clock_database_apart_seconds"); got != -3*3600 {
		t.Errorf("the database server's clock: %v", got)
	}
	w.compared(w.now())
	if got := w.Notices(); len(got) != 1 {
		t.Errorf("together again: %q", got)
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	w := newWrongClock()
	start, years := w.now(), 10*365*24*time.Hour
	want := func(what string, at time.Duration) {
		t.Helper()
		if got := w.Settled().Sub(start); got != at {
			t.Errorf("%s: expected %s after the start, got %s", what, at, got)
		}
	}
	w.set += years // nobody has checked yet
	want("at the jump", 0)
	w.passed += 23 * time.Hour
	want("a day later", 23*time.Hour)
	w.set -= years - time.Second
	want("put right, by and large", 23*time.Hour+time.Second)
	w.passed += 48 * time.Hour
	want("long after", 71*time.Hour+time.Second)
	w.set += years
	want("again", 71*time.Hour+time.Second)
	w.passed += settling
	want("when it was not put right for a day", years+71*time.Hour+time.Second+settling)
	w.set -= years
	want("put back after that", 71*time.Hour+time.Second+settling)
	w.compared(w.now().Add(-3 * time.Hour))
	want("ahead of the database server's", 68*time.Hour+time.Second+settling)
	w.compared(w.now().Add(3 * time.Hour))
	want("behind it", 71*time.Hour+time.Second+settling)
}

package node_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store/postgres/pgtest"
)

// onBothStores runs a test of the dev world on each kind of database.
func onBothStores(t *testing.T, test func(t *testing.T, s *nodetest.Server)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, nodetest.Boot(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Shared(t).Database(t)
		s := nodetest.Boot(t, func(c *node.Config) { c.Database = url })
		s.Stop()
		s.Clock.Set(time.Now()) // the database server's clock counts, and is the real one
		s.Run()
		test(t, s)
	})
}

// set sets the clock of a dev world.
func set(t *testing.T, s *nodetest.Server, to operator.ClockSetting) operator.ClockState {
	t.Helper()
	state, err := operator.SetClock.Do(t.Context(), s.Desk(), to)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// waiting is how many copies wait in a mailbox, asked with a token by the real clock.
func waiting(t *testing.T, s *nodetest.Server, box string) int {
	t.Helper()
	ids, err := s.Mailbox(box).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(ids)
}

// TestFiveDaysInAMoment sets the clock of a dev world five days forward: what nobody
// has collected expires, while callers still go by their own clocks.
func TestFiveDaysInAMoment(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, s *nodetest.Server) {
		began := len(s.Log.String())
		s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
		s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
		set(t, s, operator.ClockSetting{Forward: "119h"})
		if n := waiting(t, s, leeds); n != 1 {
			t.Fatalf("after less than five days %d copies wait", n)
		}
		before := set(t, s, operator.ClockSetting{Forward: "2h", Speed: new(0.0)})
		s.Eventually("the copy has expired", func() bool { return waiting(t, s, leeds) == 0 })
		s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
		if n := len(s.Collect(leeds)); n != 1 {
			t.Errorf("%d copies of what is published now", n)
		}
		events, err := operator.FindEvents.Do(t.Context(), s.Desk(), operator.Matching(operator.EventFilter{}))
		if err != nil || len(events.Items) != 2 || events.Items[0].Accepted.Sub(before.Now).Abs() > time.Second {
			t.Errorf("the last event was accepted at %v instead of %s, %v", events.Items, before.Now, err)
		}
		for _, page := range []string{"/console/", "/health/ready"} {
			if body := string(s.Get(page).Body); !strings.Contains(body, "is not the machine") || !strings.Contains(body, "is stopped") {
				t.Errorf("%s does not say that the clock is not the machine's: %s", page, body)
			}
		}
		s.Stop()
		s.Run()
		if now, err := operator.ShowClock.Do(t.Context(), s.Desk(), operator.None{}); err != nil || !now.Now.Equal(before.Now) || now.Speed != 0 {
			t.Errorf("after a restart the clock shows %+v, %v", now, err)
		}
		for _, line := range []string{"the clock jumped", "behind the store", "clock was set", "differs from the database"} {
			if strings.Contains(s.Log.String()[began:], line) {
				t.Errorf("a clock that was set on purpose is taken for one that is wrong: %q is in the log", line)
			}
		}
	})
}

// TestClockRunsFast lets five days pass within half a second.
func TestClockRunsFast(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	set(t, s, operator.ClockSetting{Speed: new(1e6)})
	s.Eventually("the copy has expired", func() bool { return waiting(t, s, leeds) == 0 })
	stopped := set(t, s, operator.ClockSetting{Speed: new(0.0)})
	if by := stopped.Now.Sub(stopped.Machine); by < 5*24*time.Hour {
		t.Errorf("the clock is only %s ahead", by)
	}
}

// TestClockGoesBack checks that the clock goes back only on purpose, and that events
// keep their order then.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, s *nodetest.Server) {
		s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
		first, second := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		s.Publish(s.Publisher(), first)
		to := s.Clock.Now().AddDate(0, -2, 0)
		_, err := operator.SetClock.Do(t.Context(), s.Desk(), operator.ClockSetting{To: to})
		var refused *operator.Error
		if !errors.As(err, &refused) || refused.Code != operator.Conflict || !strings.Contains(refused.Message, "empty data folder") {
			t.Fatalf("going back: %v", err)
		}
		set(t, s, operator.ClockSetting{To: to, Back: true, Speed: new(0.0)})
		s.Publish(s.Publisher(), second)
		copies := s.Collect(leeds)
		if len(copies) != 2 || string(copies[0].Body) != string(first) || string(copies[1].Body) != string(second) {
			t.Errorf("%d copies, or in another order", len(copies))
		}
		events, err := operator.FindEvents.Do(t.Context(), s.Desk(), operator.Matching(operator.EventFilter{}))
		if err != nil || len(events.Items) != 2 || events.Items[0].Accepted.Sub(to).Abs() > time.Second {
			t.Errorf("the last event was accepted at %+v instead of %s, %v", events.Items, to, err)
		}
		if state := set(t, s, operator.ClockSetting{Reset: true}); state.Moved || state.Now.Sub(state.Machine).Abs() > time.Second {
			t.Errorf("after the reset: %+v", state)
		}
	})
}

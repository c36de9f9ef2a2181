package receiver_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/receiver"
)

// records is who keeps what events are about, as a Handler is told to.
type records struct {
	current map[string]string // message id, by what it is about
	effects []receiver.Effect
}

func (r *records) handle(_ context.Context, m receiver.Message) error {
	thing := m.Facts.Identifier.Value
	r.effects = append(r.effects, m.Effect())
	switch m.Effect() {
	case receiver.Create:
		if r.current[thing] != "" {
			return receiver.Permanent(fmt.Errorf("there is one already"))
		}
		r.current[thing] = m.Facts.MessageID
	case receiver.Replace:
		if r.current[thing] != m.Earlier.MessageID {
			return receiver.Permanent(fmt.Errorf("it replaces another one"))
		}
		r.current[thing] = m.Facts.MessageID
	case receiver.Remove:
		delete(r.current, thing)
	}
	return nil
}

// In whatever order the versions of things arrive, and however often, whoever
// does what Effect says ends with the newest version of each thing.
func TestThingsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var versions []notice
		for _, thing := range []string{"a", "b"} {
			for n := range rapid.IntRange(0, 4).Draw(rt, "versions of "+thing) {
				kind := "update"
				if n == 0 {
					kind = "new"
				} else if rapid.IntRange(0, 3).Draw(rt, "kind") == 0 {
					kind = "delete"
				}
				versions = append(versions, notice{id: fmt.Sprint(thing, n), thing: thing, kind: kind,
					updated: time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC).Format(time.RFC3339)})
			}
		}
		want := map[string]string{}
		for _, v := range versions { // in the order of their times
			if want[v.thing] = v.id; v.kind == "delete" {
				delete(want, v.thing)
			}
		}
		arrived := rapid.Permutation(slices.Concat(versions, versions)).Draw(rt, "arrival")
		f := newFakeMESH()
		for i, v := range arrived {
			f.put(v.in(fmt.Sprintf("M%03d", i)))
		}
		got := records{current: map[string]string{}}
		tally, err := newReceiver(t, f, newClock(), nil).Collect(t.Context(), got.handle)
		if err != nil || tally.Left+tally.Aside > 0 {
			rt.Fatalf("%+v, %v", tally, err)
		}
		if d := gocmp.Diff(want, got.current); d != "" {
			rt.Fatal(d)
		}
	})
}

func TestEffects(t *testing.T) {
	at := func(minute int) string { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC).Format(time.RFC3339) }
	f := newFakeMESH(
		notice{id: "1", thing: "a", updated: at(1)}.in("M1"),
		notice{id: "2", thing: "a", updated: at(3), kind: "update"}.in("M2"),
		notice{id: "3", thing: "a", updated: at(2), kind: "update"}.in("M3"), // late
		notice{id: "4", thing: "a", updated: at(4), kind: "delete"}.in("M4"),
		notice{id: "5", thing: "a", updated: at(5)}.in("M5"),                 // again, after it was withdrawn
		notice{id: "6", thing: "b", updated: at(1), kind: "delete"}.in("M6"), // nobody knows it
		notice{id: "7", updated: at(9)}.in("M7"),
	)
	got := records{current: map[string]string{}}
	outcomes := map[string]receiver.Outcome{}
	r := newReceiver(t, f, newClock(), func(c *receiver.Config) {
		c.Observe = func(m receiver.Message, o receiver.Outcome, _ error) { outcomes[m.ID] = o }
	})
	tally, err := r.Collect(t.Context(), got.handle)
	if err != nil || tally != (receiver.Tally{Handled: 6, Superseded: 1}) || outcomes["M3"] != receiver.Superseded {
		t.Errorf("%+v, %v, %v", tally, err, outcomes)
	}
	want := []receiver.Effect{receiver.Create, receiver.Replace, receiver.Remove, receiver.Create, receiver.Remove, receiver.Create}
	if d := gocmp.Diff(want, got.effects); d != "" {
		t.Error(d)
	}
	if acked := f.acknowledged(); len(acked) != 7 {
		t.Errorf("acknowledged: %v", acked)
	}
}

// EveryVersion hands over what was superseded; a receiver that starts again knows
// what it handled before.
func TestEveryVersionAcrossRestarts(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "memory"), newClock()
	run := func(f *fakeMESH) (orders []receiver.Order, earlier []string) {
		memory := openMemory(t, path, c)
		defer memory.Close()
		r := newReceiver(t, f, c, func(c *receiver.Config) { c.Memory, c.EveryVersion = memory, true })
		_, err := r.Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
			orders, earlier = append(orders, m.Order), append(earlier, cmp.Or(m.Earlier.MessageID, "none")+" "+m.Earlier.Kind)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return orders, earlier
	}
	orders, earlier := run(newFakeMESH(notice{id: "new-1", thing: "a", updated: "2026-01-02T00:00:00Z"}.in("M1")))
	if !slices.Equal(orders, []receiver.Order{receiver.First}) || earlier[0] != "none " {
		t.Errorf("at first: %v %v", orders, earlier)
	}
	orders, earlier = run(newFakeMESH(
		notice{id: "old-2", thing: "a", updated: "2026-01-01T00:00:00Z"}.in("M2"),
		notice{id: "gone-3", thing: "a", updated: "2026-01-03T00:00:00Z", kind: "delete"}.in("M3"),
		notice{id: "late-4", thing: "a", updated: "2026-01-02T12:00:00Z", kind: "update"}.in("M4")))
	if !slices.Equal(orders, []receiver.Order{receiver.Stale, receiver.Next, receiver.Stale}) ||
		!slices.Equal(earlier, []string{"new-1 new", "new-1 new", "gone-3 delete"}) {
		t.Errorf("after the restart: %v %v", orders, earlier)
	}
}

// Only those who may send events do.
func TestSendersAreChecked(t *testing.T) {
	f := newFakeMESH(notice{id: "1"}.in("M1"), notice{id: "2"}.in("M2"))
	f.messages[1].headers["mex-from"] = "SOMEBODY"
	var got collected
	if _, err := newReceiver(t, f, newClock(), func(c *receiver.Config) { c.Senders = []string{"x26nems"} }).Collect(t.Context(), got.handle); err != nil {
		t.Fatal(err)
	}
	if len(got.messages) != 2 || got.messages[0].Kind != receiver.Event || got.messages[1].Kind != receiver.Other || got.messages[1].Problem == nil {
		t.Errorf("%v", got.messages)
	}
}

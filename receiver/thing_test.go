package receiver_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/receiver"
)

// records is a system that stores what events are about, and does what Effect says.
type records struct {
	current map[string]string // message id, by what the event is about
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

// version is one version of a thing. Time, number and kind decide which version
// is the newest.
type version struct {
	minute, number int
	kind           string
}

func (v version) notice(thing string, n int) notice {
	out := notice{id: fmt.Sprint(thing, n), thing: thing, kind: v.kind,
		updated: time.Date(2026, 1, 1, 0, v.minute, 0, 0, time.UTC).Format(time.RFC3339)}
	if v.number > 0 {
		out.version = fmt.Sprint(v.number)
	}
	return out
}

func (v version) compare(w version) int {
	rank := map[string]int{"new": 0, "update": 1, "delete": 2}
	return cmp.Or(cmp.Compare(v.minute, w.minute), cmp.Compare(v.number, w.number), cmp.Compare(rank[v.kind], rank[w.kind]))
}

// drawVersions draws versions of one thing. All have a number, or none has.
func drawVersions(t *rapid.T, thing string) []version {
	most := rapid.SampledFrom([]int{0, 3}).Draw(t, "numbers of "+thing)
	one := rapid.Custom(func(t *rapid.T) version {
		return version{rapid.IntRange(0, 2).Draw(t, "minute"), rapid.IntRange(min(most, 1), most).Draw(t, "number"),
			rapid.SampledFrom([]string{"new", "update", "delete"}).Draw(t, "kind")}
	})
	all := rapid.SliceOfNDistinct(one, 0, 5, func(v version) version { return v }).Draw(t, thing)
	slices.SortFunc(all, version.compare)
	return all
}

// In whatever order the versions of things arrive, and however often, a system
// that does what Effect says ends with the newest version of each thing. The
// same holds if it is given every version.
func TestThingsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := map[string]string{}
		var versions []notice
		for _, thing := range []string{"a", "b"} {
			for n, v := range drawVersions(rt, thing) {
				versions = append(versions, v.notice(thing, n))
				if want[thing] = fmt.Sprint(thing, n); v.kind == "delete" {
					delete(want, thing)
				}
			}
		}
		arrived := rapid.Permutation(slices.Concat(versions, versions)).Draw(rt, "arrival")
		f := newFakeMESH()
		for i, v := range arrived {
			f.put(v.in(fmt.Sprintf("M%03d", i)))
		}
		got := records{current: map[string]string{}}
		every := rapid.Bool().Draw(rt, "every version")
		r := newReceiver(t, f, newClock(), func(c *receiver.Config) { c.EveryVersion = every })
		tally, err := r.Collect(t.Context(), got.handle)
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
		notice{id: "3", thing: "a", updated: at(2), kind: "update"}.in("M3"), // arrives late
		notice{id: "4", thing: "a", updated: at(4), kind: "delete"}.in("M4"),
		notice{id: "5", thing: "a", updated: at(5)}.in("M5"),                 // a new one after the withdrawal
		notice{id: "6", thing: "b", updated: at(1), kind: "delete"}.in("M6"), // the thing was never seen
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

// EveryVersion hands over superseded events too. A restarted receiver knows what
// it handled before.
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

// effectsOf hands the notices over and returns what each means: its effect, and
// the message id of the earlier event.
func effectsOf(t *testing.T, notices ...notice) (effects []string, tally receiver.Tally) {
	t.Helper()
	f := newFakeMESH()
	for i, n := range notices {
		f.put(n.in(fmt.Sprint("M", i)))
	}
	tally, err := newReceiver(t, f, newClock(), nil).Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
		effects = append(effects, strings.TrimSpace(string(m.Effect())+" "+m.Earlier.MessageID))
		return nil
	})
	mustDo(t, err)
	return effects, tally
}

// Which events count as being about the same thing.
func TestWhatEventsAreAbout(t *testing.T) {
	const early, late = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
	type n = notice
	for _, c := range []struct {
		name       string
		notices    []notice
		want       []string
		superseded int
	}{
		{"things without an identifier are never each other's corrections",
			[]n{{id: "1", updated: late}, {id: "2", updated: early}, {id: "3", updated: late, kind: "delete"}},
			[]string{"create", "create", "remove"}, 0},
		{"a thing without times and numbers",
			[]n{{id: "1", thing: "a"}, {id: "2", thing: "a", kind: "update"}, {id: "3", thing: "a", kind: "delete"}},
			[]string{"create", "replace 1", "remove 2"}, 0},
		{"an identifier without a system is its publisher's",
			[]n{{id: "1", thing: "a", system: "none", updated: late}, {id: "2", thing: "a", system: "none", updated: early, asid: "200000000115"},
				{id: "3", thing: "a", system: "none", updated: early}},
			[]string{"create", "create"}, 1},
		{"separators within identifiers",
			[]n{{id: "1", system: "x|y", thing: "z", updated: late}, {id: "2", system: "x", thing: "y|z", updated: early}},
			[]string{"create", "create"}, 0},
		{"an enormous identifier",
			[]n{{id: "1", thing: strings.Repeat("a", 1<<20), updated: early}, {id: "2", thing: strings.Repeat("a", 1<<20), updated: late}, {id: "3", thing: strings.Repeat("a", 1<<20) + "b", updated: early}},
			[]string{"create", "replace 1", "create"}, 0},
		{"the Spine's record of a patient is one thing",
			[]n{{id: "1", code: "pds-change-of-gp-1", updated: late, version: "8"}, {id: "2", code: "pds-change-of-gp-1", updated: early, version: "9"},
				{id: "3", code: "pds-change-of-address-1", updated: early}, {id: "4", code: "pds-change-of-gp-1", updated: "2026-01-03T00:00:00Z"}},
			[]string{"create", "create", "replace 1"}, 1},
		{"whatever identifier its focus has",
			[]n{{id: "1", code: "pds-death-notification-1", updated: late, thing: "a"}, {id: "2", code: "pds-death-notification-1", updated: early, thing: "b"}},
			[]string{"create"}, 1},
		{"twins of one mother",
			[]n{{id: "1", code: "pds-birth-notification-1", updated: late}, {id: "2", code: "pds-birth-notification-1", updated: early}},
			[]string{"create", "create"}, 0},
		{"at one moment a thing is deleted last",
			[]n{{id: "1", thing: "a", updated: late, kind: "delete"}, {id: "2", thing: "a", updated: late, kind: "update"}, {id: "3", thing: "b", updated: late}, {id: "4", thing: "b", updated: late}},
			[]string{"remove", "create", "replace 3"}, 1},
		{"a stale number does not raise the newest one's",
			[]n{{id: "1", thing: "a", updated: late, version: "1"}, {id: "2", thing: "a", updated: early, version: "9"}, {id: "3", thing: "a", updated: late, version: "2"}},
			[]string{"create", "replace 1"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, tally := effectsOf(t, c.notices...)
			if d := gocmp.Diff(c.want, got); d != "" || tally.Superseded != c.superseded {
				t.Errorf("%s\n%+v", d, tally)
			}
		})
	}
}

// An event that was set aside supersedes nothing; an event that was ignored does.
func TestSetAsideAndIgnored(t *testing.T) {
	f := newFakeMESH(
		notice{id: "1", thing: "a", updated: "2026-01-02T00:00:00Z"}.in("M1"),
		notice{id: "2", thing: "a", updated: "2026-01-01T00:00:00Z"}.in("M2"),
		notice{id: "3", thing: "b", updated: "2026-01-02T00:00:00Z", kind: "delete"}.in("M3"),
		notice{id: "4", thing: "b", updated: "2026-01-01T00:00:00Z"}.in("M4"),
	)
	var got collected
	r := newReceiver(t, f, newClock(), func(c *receiver.Config) { c.SetAside = t.TempDir() })
	tally, err := r.Collect(t.Context(), func(ctx context.Context, m receiver.Message) error {
		switch m.ID {
		case "M1":
			return receiver.Permanent(errNo)
		case "M3":
			return receiver.Ignore(nil)
		}
		return got.handle(ctx, m)
	})
	if err != nil || tally != (receiver.Tally{Handled: 1, Superseded: 1, Ignored: 1, Aside: 1}) || got.messages[0].Effect() != receiver.Create {
		t.Errorf("%+v, %v, %v", tally, err, got.ids())
	}
	if d := gocmp.Diff([]string{"M1", "M2", "M3", "M4"}, f.acknowledged()); d != "" {
		t.Error(d)
	}
}

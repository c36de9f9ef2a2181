package simulator

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seed    = flag.Uint64("seed", 0, "replay this seed alone, with its trace")
	seeds   = flag.Uint64("seeds", many, "how many seeds to run")
	sqlites = flag.Bool("sqlite", false, "run every seed over the SQLite store")
)

// simulate runs one seed in a bubble.
func simulate(t *testing.T, c Config) (out Outcome) {
	synctest.Test(t, func(*testing.T) { out = Run(c) })
	return out
}

// overSQLite reports whether a seed runs with the SQLite store, which takes
// four times as long as the model: every eighth does.
func overSQLite(seed uint64) bool { return *sqlites || seed%8 == 1 }

func TestSeeds(t *testing.T) {
	if *seed != 0 {
		out := simulate(t, Config{Seed: *seed, SQLite: overSQLite(*seed), Trace: true})
		t.Logf("the trace of seed %d:\n%s\nhash %x, %+v", *seed, strings.Join(out.Lines, "\n"), out.Hash, out.sum())
		report(t, *seed, out)
		return
	}
	began := time.Now()
	var next atomic.Uint64
	var mu sync.Mutex
	var all Outcome
	t.Run("all", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for n := next.Add(1); n <= *seeds && !t.Failed(); n = next.Add(1) {
					out := simulate(t, Config{Seed: n, SQLite: overSQLite(n)})
					report(t, n, out)
					mu.Lock()
					all = all.add(out)
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d seeds in %v: %+v", *seeds, time.Since(began).Round(time.Millisecond), all.sum())
	if all.Events == 0 || all.Copies == 0 || all.Crashes == 0 {
		t.Error("too little happened for anything to be shown")
	}
}

func report(t *testing.T, n uint64, out Outcome) {
	t.Helper()
	for _, v := range out.Violations {
		t.Errorf("seed %d: %s", n, v)
	}
}

type sum struct{ events, copies, unknown, crashes int }

func (o Outcome) sum() sum { return sum{o.Events, o.Copies, o.Unknown, o.Crashes} }

func (o Outcome) add(p Outcome) Outcome {
	return Outcome{Events: o.Events + p.Events, Copies: o.Copies + p.Copies, Unknown: o.Unknown + p.Unknown, Crashes: o.Crashes + p.Crashes}
}

// TestReplays checks that a seed decides everything: run twice, it leaves the same trace.
func TestReplays(t *testing.T) {
	for n := range uint64(10) {
		c := Config{Seed: n + 1, SQLite: n%2 == 0, Trace: true}
		t.Run(fmt.Sprintf("seed %d, SQLite %v", c.Seed, c.SQLite), func(t *testing.T) {
			t.Parallel()
			replay(t, c)
		})
	}
}

func replay(t *testing.T, c Config) {
	first, second := simulate(t, c), simulate(t, c)
	if first.Hash == second.Hash {
		return
	}
	for i := range first.Lines {
		if i >= len(second.Lines) || first.Lines[i] != second.Lines[i] {
			t.Errorf("line %d:\n%s\n%s", i, strings.Join(first.Lines[max(0, i-3):i+1], "\n"), second.Lines[min(i, len(second.Lines)-1)])
			return
		}
	}
}

// TestPlantedBugsAreFound checks that the invariants find each planted bug.
func TestPlantedBugsAreFound(t *testing.T) {
	if !plants {
		t.Skip("the race detector makes it slow, and finds nothing more")
	}
	const model, sqlite = false, true
	for _, planted := range []struct {
		name string
		Bug
		over []bool
	}{
		{"acknowledges before the commit", AcknowledgesEarly, []bool{model, sqlite}},
		{"loses the cursor of a fan-out", LosesCursor, []bool{model}},
		{"matches what was deleted", MatchesDeleted, []bool{model, sqlite}},
		{"repeats under the same key", RepeatsAfterCrash, []bool{model, sqlite}},
		{"forgets that a send was not answered", ForgetsAmbiguous, []bool{model, sqlite}},
		{"takes the oldest for the one sent", OldestUncertain, []bool{model, sqlite}},
		{"reorders a mailbox", ReordersMailbox, []bool{sqlite}},
		{"doubles what was sent", DoublesSent, []bool{sqlite}},
		{"loses what waits when it starts", LosesInbox, []bool{model, sqlite}},
		{"answers before the disk has it", ForgetsSync, []bool{sqlite}},
		{"lets claims lapse by a clock that is set", LeasesByClock, []bool{sqlite}},
	} {
		for _, over := range planted.over {
			t.Run(fmt.Sprintf("%s, SQLite %v", planted.name, over), func(t *testing.T) {
				t.Parallel()
				find(t, Config{Bug: planted.Bug, SQLite: over})
			})
		}
	}
}

// find runs seeds until one finds the planted bug.
func find(t *testing.T, c Config) {
	const within = 200
	for c.Seed = 1; c.Seed <= within; c.Seed++ {
		if out := simulate(t, c); len(out.Violations) > 0 {
			t.Logf("found by seed %d: %s", c.Seed, out.Violations[0])
			return
		}
	}
	t.Errorf("not found by %d seeds", within)
}

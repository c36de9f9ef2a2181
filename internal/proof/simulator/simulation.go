package simulator

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"nems/internal/store"
)

// Config selects what a run consists of.
type Config struct {
	Seed uint64
	// SQLite makes one node run with the SQLite store on a drive that fails.
	// Otherwise two nodes share the model of a store.
	SQLite bool
	// Bug plants a fault in front of the database or below it, which the
	// invariants must find. NoBug tests the code as it is.
	Bug Bug
	// Trace keeps every line of the trace, not only its hash.
	Trace bool
}

// Outcome is the result of a run.
type Outcome struct {
	Hash       uint64   // of the trace: equal for equal schedules
	Lines      []string // of the trace, if it was requested
	Violations []string // of the invariants; none in a good run
	Events     int      // stored
	Copies     int
	Unknown    int // publishes whose publisher never learnt the outcome
	Crashes    int
}

// tick is the unit of simulated time. Every thread wakes at its own moment
// within a tick, so that no two ever wake at the same instant. So the order of
// events follows only from the seed.
const tick = 4096 * time.Nanosecond

// simulation is one run. It takes place in one synctest bubble.
type simulation struct {
	Config
	parts
	began    time.Time
	machines []*machine
	disk     *disk  // that two nodes share; nil with SQLite
	drive    *drive // that SQLite is on; nil without
	pds      *pds
	mesh     *farMESH
	book     *book
	past     *history
	claims   claims

	mu      sync.Mutex
	threads int
	hash    uint64
	lines   []string
	healed  bool
	crashes int
	unknown int
}

// thread is a sequence of actions with its own source of random numbers.
type thread struct {
	sim  *simulation
	name string
	slot time.Duration // within a tick

	mu     sync.Mutex
	chance *rand.Rand
}

// thread starts a new sequence of actions. It is called at moments that the
// seed decides, so that a thread gets the same number in each run.
func (sim *simulation) thread(name string) *thread {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	sim.threads++
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return &thread{sim: sim, name: name, slot: time.Duration(sim.threads) % tick, chance: rand.New(rand.NewPCG(sim.Seed, h.Sum64()+uint64(sim.threads)))} //nolint:gosec // replayable by design
}

// below draws a number in [0, n).
func (t *thread) below(n int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.chance.IntN(n)
}

// happens draws whether something with this percentage happens. Nothing happens
// after the faults are healed.
func (t *thread) happens(percent float64) bool {
	t.mu.Lock()
	hit := t.chance.Float64()*100 < percent
	t.mu.Unlock()
	return hit && !t.sim.isHealed()
}

// between draws a duration.
func (t *thread) between(from, to time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return from + time.Duration(t.chance.Int64N(int64(to-from)))
}

// delay returns how long to sleep for about d so as to wake in the thread's own slot.
func (t *thread) delay(d time.Duration) time.Duration {
	now := time.Since(t.sim.began)
	return (now+d)/tick*tick + tick + t.slot - now
}

func (t *thread) sleep(from, to time.Duration) { time.Sleep(t.delay(t.between(from, to))) }

// wait sleeps, or returns the error of ctx when that ends first.
func (t *thread) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(t.delay(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// log adds a line to the trace. Its text must follow from the seed: no ids that
// were drawn elsewhere, no addresses.
func (t *thread) log(format string, args ...any) {
	t.sim.note(fmt.Sprintf("%12.6f %-14s ", time.Since(t.sim.began).Seconds(), t.name) + fmt.Sprintf(format, args...))
}

func (sim *simulation) note(line string) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	for i := range len(line) {
		sim.hash = (sim.hash ^ uint64(line[i])) * 1099511628211 // FNV-1a
	}
	if sim.Trace {
		sim.lines = append(sim.lines, strings.TrimRight(line, "\n"))
	}
}

func (sim *simulation) isHealed() bool {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	return sim.healed
}

func (sim *simulation) heal() {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	sim.healed = true
}

func (sim *simulation) count(n *int) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	*n++
}

type threadKey struct{}

// on makes calls with the context act for a thread.
func on(ctx context.Context, t *thread) context.Context {
	return context.WithValue(ctx, threadKey{}, t)
}

func threadOf(ctx context.Context) *thread {
	t, _ := ctx.Value(threadKey{}).(*thread)
	return t
}

// box is a mailbox of the simulated world.
type box struct {
	store.Mailbox
}

// boxes are the mailboxes. The first three are served by the nodes, the others by the far MESH.
var boxes = []box{
	{store.Mailbox{Row: 1, ID: "HERE1", ODS: "RR8", Password: "password"}},
	{store.Mailbox{Row: 2, ID: "HERE2", ODS: "RR8", Password: "password"}},
	{store.Mailbox{Row: 3, ID: "HERE3", ODS: "RR8", Password: "password"}},
	{store.Mailbox{Row: 4, ID: "FAR1", ODS: "RR8", Remote: true}},
	{store.Mailbox{Row: 5, ID: "FAR2", ODS: "RR8", Remote: true}},
	{store.Mailbox{Row: 6, ID: "FAR3", ODS: "RR8", Remote: true}},
}

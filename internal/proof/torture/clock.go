//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/alecthomas/kong"

	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/operator"
)

// clock is the clock of a process: by how much it is wrong, and how much time has
// passed beyond what really has. It is in a file that both the process and the
// program that tortures it have mapped, so that a change has effect at once.
type clock struct{ wrong, passed *atomic.Int64 }

func openClock(data string) (clock, error) {
	file, err := os.OpenFile(data+".clock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return clock{}, err
	}
	defer file.Close()
	one := int(unsafe.Sizeof(atomic.Int64{}))
	size := 2 * one
	if err := file.Truncate(int64(size)); err != nil {
		return clock{}, err
	}
	bytes, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return clock{}, err
	}
	//nolint:gosec // shared with another process, for the life of this one
	return clock{(*atomic.Int64)(unsafe.Pointer(&bytes[0])), (*atomic.Int64)(unsafe.Pointer(&bytes[one]))}, nil
}

// now returns the time on the clock, without a monotonic reading, because
// setting a machine's clock affects everything.
func (c clock) now() time.Time {
	return time.Now().Round(0).Add(time.Duration(c.wrong.Load() + c.passed.Load()))
}

// steady returns how much time has passed since a moment, whatever the clock was
// set to.
func (c clock) steady(since time.Time) time.Duration {
	return time.Since(since) + time.Duration(c.passed.Load())
}

// set makes the clock wrong by this much. The process notices that no time passed.
func (c clock) set(off time.Duration) { c.wrong.Store(int64(off)) }

// pass lets time pass, this much in all.
func (c clock) pass(all time.Duration) { c.passed.Store(int64(all)) }

// serveClocked is nems serve with a clock that can be set. The clock must be
// handed in, because Go programs read the machine's clock directly, past every
// library that could change it.
func serveClocked(args []string) int {
	var command struct {
		Serve node.Config `cmd:""`
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	parser, err := kong.New(&command)
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err == nil {
		err = runClocked(ctx, command.Serve)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nems:", err)
		return 1
	}
	return 0
}

func runClocked(ctx context.Context, c node.Config) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return err
	}
	clock, err := openClock(c.Data)
	if err != nil {
		return err
	}
	begun := time.Now()
	return node.Run(ctx, c, node.Environment{
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})), Now: clock.now,
		Steady: func() time.Duration { return clock.steady(begun) },
		Ready:  func(url string) { fmt.Printf("nems is ready at %s\n", url) },
	})
}

// clocks are the clocks of a deployment.
type clocks struct{ here, there clock }

// newClockedDeployment boots a deployment whose clocks can be set. Callers use the clock
// of the node that they call.
func (r *run) newClockedDeployment(name string) (*deployment, clocks, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, clocks{}, err
	}
	own := *r
	own.binary = self
	dep, err := own.newDeployment(filepath.Join(r.folder, name))
	if err != nil {
		return nil, clocks{}, err
	}
	here, err := openClock(dep.here.data)
	there, failed := openClock(dep.there.data)
	if err := cmp.Or(err, failed); err != nil {
		dep.end()
		return nil, clocks{}, err
	}
	dep.here.now, dep.there.now = here.now, there.now
	return dep, clocks{here, there}, nil
}

func (c clocks) set(off time.Duration) {
	c.here.set(off)
	c.there.set(off)
}

func (c clocks) pass(all time.Duration) {
	c.here.pass(all)
	c.there.pass(all)
}

// unclocked sets the program that checks what a deployment has left behind.
func (dep *deployment) unclocked(r *run) { dep.here.binary, dep.there.binary = r.binary, r.binary }

// years is far longer than anything may wait, be kept or be remembered.
const years = 10 * 365 * 24 * time.Hour

// steps are the settings of the clocks.
var steps = []time.Duration{3 * time.Hour, -3 * time.Hour, years, -48 * time.Hour, 48 * time.Hour}

// housekeeping is how often a node looks for what has expired.
const housekeeping = time.Minute

// clockSteps sets the clocks of both MESHes, of publishers and of subscribers
// forward and back under load. Copies that nobody collects meanwhile must not
// expire. Tokens must be accepted again at the second attempt.
func clockSteps(r *run) (line row, err error) {
	dep, c, err := r.newClockedDeployment("clock")
	if err != nil {
		return line, err
	}
	defer dep.end()
	if err := dep.putAside(); err != nil {
		return line, err
	}
	slowest := 0
	for began := time.Now(); line.Rounds < 2*len(steps) || time.Since(began) < r.each && line.Rounds < 900; line.Rounds++ {
		tries, err := dep.step(c, steps[line.Rounds%len(steps)], line.Rounds/len(steps)%2 == 1)
		if slowest = max(slowest, tries); err != nil {
			return line, err
		}
	}
	c.set(years)
	dep.wait(housekeeping + 5*time.Second) // anything too old by this clock would expire now
	c.set(0)
	line.Note = fmt.Sprintf("clocks set to ±3 h, ±2 days and ten years ahead; good again with try %d at most", slowest)
	dep.unclocked(r)
	return dep.finish(line)
}

// aside is a mailbox from which nobody collects before the end.
const aside = "RR8ASIDE"

// putAside adds it to the deployment.
func (dep *deployment) putAside() error {
	if err := dep.here.putMailboxes(operator.Mailbox{ID: aside, ODS: "RR8", Password: devworld.Password}); err != nil {
		return err
	}
	_, err := dep.subscribe(aboutJack, aside)
	dep.wide = []string{aside}
	return err
}

// step sets the clocks, under load or while nothing is on its way. It returns at
// which attempt publishers and subscribers were admitted again.
func (dep *deployment) step(c clocks, to time.Duration, idle bool) (tries int, err error) {
	dep.rounds++
	id, err := dep.openRound()
	if err != nil {
		return 0, err
	}
	dep.ledger.begin("clock", append(dep.near(), dep.wide...)...)
	dep.startLoad()
	dep.wait(300 * time.Millisecond)
	if idle {
		dep.endLoad()
		if _, err := dep.through(); err != nil {
			return 0, err
		}
	}
	c.set(to)
	dep.healed = time.Now()
	if tries, err = dep.heals(); err == nil {
		err = dep.recover(recoverWithin)
	}
	if !idle {
		dep.wait(300 * time.Millisecond)
		dep.endLoad()
	}
	if err == nil { // by the present clock: a later step must not be what helps
		var late time.Duration
		late, err = dep.through()
		dep.slowest = max(dep.slowest, late)
	}
	if id != "" {
		err = errors.Join(err, dep.unsubscribe(id))
	}
	return tries, err
}

// heals publishes and collects until both are admitted.
func (dep *deployment) heals() (tries int, err error) {
	const most = 2
	for tries = 1; ; tries++ {
		said := dep.publish(dep.good)
		err := dep.collect(leeds, 1)
		if said == accepted && err == nil {
			return tries, nil
		}
		if tries == most {
			return tries, fmt.Errorf("not let in with %d tries: verdict %d, %w", most, said, err)
		}
	}
}

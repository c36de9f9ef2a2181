// Package crashpoint names places where a crash would matter most. They do nothing
// unless the environment variable NEMS_CRASH_POINT names one when the program
// starts. Then the process kills itself there, like a power cut or the kernel's OOM
// killer would, so that `internal/proof/torture` can show that nothing is lost at
// any of them.
package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Variable is the environment variable. Its value is NAME, or NAME:NTH for the
// nth time (from 1) that the point is reached.
const Variable = "NEMS_CRASH_POINT"

// The points.
const (
	Migrate       = "migrate"        // the schema is about to be migrated
	BeforeCommit  = "before-commit"  // all statements are done, COMMIT is not
	AfterCommit   = "after-commit"   // on disk, but nobody has been answered
	Learn         = "learn"          // an event of the Spine is on disk, but not yet in the directory
	Import        = "import"         // a file is in the database, but does not count yet
	SpreadStep    = "spread-step"    // some copies of a large fan-out have their inbox rows
	ReplayStep    = "replay-step"    // the next copies of a replay are chosen, but not moved
	BeforeSend    = "before-send"    // a lane is claimed, but the MESH has nothing
	AfterSend     = "after-send"     // the MESH has the copy, but the row does not say so
	BeforeSettle  = "before-settle"  // the outcome is known, but not stored
	AfterSettle   = "after-settle"   // the outcome is stored, but the lane is still claimed
	BeforeRelease = "before-release" // a batch is done, but the lane is still claimed
	DeadLetter    = "dead-letter"    // a delivery is about to be parked
	Report        = "report"         // the report of an uncollected message is about to be stored
	Checkpoint    = "checkpoint"     // the ends of the audit are about to be signed
)

// Names lists the points of a service, in the order in which an event reaches them.
var Names = []string{Migrate, BeforeCommit, AfterCommit, Learn, SpreadStep, ReplayStep, BeforeSend, AfterSend, BeforeSettle, AfterSettle, BeforeRelease, DeadLetter, Report, Checkpoint}

// armed is the point that kills the process; nil except under torture.
var armed = parse(os.Getenv(Variable))

// point is an armed crash point.
type point struct {
	name string
	left atomic.Int64 // how many times it must still be reached before it kills
}

// parse reads the variable. Anything other than NAME or NAME:NTH arms nothing.
func parse(text string) *point {
	name, nth, counted := strings.Cut(text, ":")
	p := &point{name: name}
	p.left.Store(1)
	if counted {
		n, err := strconv.ParseInt(nth, 10, 64)
		if err != nil || n < 1 {
			return nil
		}
		p.left.Store(n)
	}
	if name == "" {
		return nil
	}
	return p
}

// Hit kills the process with SIGKILL if this point is armed and has been
// reached often enough. No deferred function runs, and no file is flushed.
func Hit(name string) {
	if armed != nil && armed.reached(name) {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // the signal is on its way, and nothing more may happen
	}
}

// reached counts that the point was reached, and reports whether it must kill now.
func (p *point) reached(name string) bool { return p.name == name && p.left.Add(-1) == 0 }

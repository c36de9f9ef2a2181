// Package crashpoint names places where a crash would matter most. They do
// nothing, unless the environment variable NEMS_CRASH_POINT names one when the
// program starts: then the process kills itself there, as a power cut or the
// kernel's OOM killer would, so that `internal/proof/torture` can show that nothing
// is lost at any of them.
package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Variable is the environment variable: NAME or NAME:NTH, the nth time (from 1)
// that the point is passed.
const Variable = "NEMS_CRASH_POINT"

// The points.
const (
	Migrate       = "migrate"        // the schema is to be brought up to date
	BeforeCommit  = "before-commit"  // all statements are done, COMMIT is not
	AfterCommit   = "after-commit"   // on disk, nobody has been answered
	Learn         = "learn"          // an event of the Spine is on disk, the directory does not know it
	SpreadStep    = "spread-step"    // some copies of a large fan-out are filed
	BeforeSend    = "before-send"    // a lane is claimed, the MESH has nothing
	AfterSend     = "after-send"     // the MESH has the copy, the row says otherwise
	BeforeSettle  = "before-settle"  // the outcome is known, and not stored
	AfterSettle   = "after-settle"   // the outcome is stored, the lane still claimed
	BeforeRelease = "before-release" // a batch is done, the lane still claimed
	DeadLetter    = "dead-letter"    // a delivery is to be parked
	Report        = "report"         // the report of an uncollected message is to be stored
	Checkpoint    = "checkpoint"     // the ends of the audit are to be signed
)

// Names lists every point, in the order in which an event meets them.
var Names = []string{Migrate, BeforeCommit, AfterCommit, Learn, SpreadStep, BeforeSend, AfterSend, BeforeSettle, AfterSettle, BeforeRelease, DeadLetter, Report, Checkpoint}

// armed is the point that kills, nil in all but tortured processes.
var armed = parse(os.Getenv(Variable))

// point is an armed crash point.
type point struct {
	name string
	left atomic.Int64 // passages until it kills
}

// parse reads the variable; anything but NAME or NAME:NTH arms nothing.
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

// Hit kills the process with SIGKILL when this point is armed and it is its
// turn; no deferred function runs, no file is flushed.
func Hit(name string) {
	if armed != nil && armed.reached(name) {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // the signal is on its way: nothing may happen any more
	}
}

// reached counts a passage, and tells whether it is the last one.
func (p *point) reached(name string) bool { return p.name == name && p.left.Add(-1) == 0 }

package node

import (
	"log/slog"
	"time"
)

// Environment is what a node takes from the process that runs it.
type Environment struct {
	Log *slog.Logger // nil means none
	// Now is the business clock; nil means time.Now.
	Now func() time.Time
	// Steady returns how much time has passed since some fixed moment, whatever
	// Now is set to; nil means the machine's monotonic clock.
	Steady func() time.Duration
	// Verbosity is what the log follows, so that a reload can change it; nil if it cannot.
	Verbosity *slog.LevelVar
	// Reload gives configurations that were read again; nil where that does not happen.
	Reload <-chan Config
	// Program is the version of the program, for log and metrics; "" if it is not known.
	Program string
	// Ready is called with the address of the first listener when everything
	// answers; nil when nobody waits.
	Ready func(url string)
}

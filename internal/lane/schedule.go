package lane

import (
	"math/rand/v2"
	"time"
)

// schedule is how long a lane pauses after its first, second, ... failure in a row
// (Standard Webhooks, "Retry schedule"); after later ones as long as after the last.
var schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Scheduled is the pause of an endpoint's lane after so many failures in a row. It
// differs a little each time, which spreads load.
func Scheduled(failures int) time.Duration {
	d := schedule[min(max(failures, 1), len(schedule))-1]
	return d - time.Duration(rand.Int64N(int64(d)/8+1)) //nolint:gosec // is not used for security
}

const (
	// GiveUp is how old a copy for an endpoint may become, as in a mailbox that nobody
	// collects.
	GiveUp = 5 * 24 * time.Hour
	// MostRefusals is how often a receiver may refuse a copy for its content before
	// those behind it get their turn.
	MostRefusals = 5
)

package store

import (
	"errors"
	"time"
)

// MostHeld is how many messages of one queue consumers may hold at a time. Where
// they hold so many, nobody is given more.
const MostHeld = 10_000

// MostDelayed is how many messages of one queue may be delayed at a time: whoever
// sends them without end would hide all others from its consumers.
const MostDelayed = 1000

// ErrDelayed says that MostDelayed are.
var ErrDelayed = errors.New("too many messages of this queue are delayed")

// Taken is a message of an inbox that a consumer holds: until then nobody else is
// given it.
type Taken struct {
	Position EventID
	Takes    int       // how often it was given, with this time
	First    time.Time // when it was given first, by the clock of leases
}

// Held is how many messages of a queue are not given to anybody for now.
type Held struct {
	Taken   int64 // consumers hold them
	Delayed int64 // nobody was given them yet
}

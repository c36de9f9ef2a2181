package store

import "time"

// MostHeld is how many messages of one queue consumers may hold at a time. Where
// they hold so many, nobody is given more.
const MostHeld = 10_000

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

package store

import "time"

// Cursor is how far the readers of a subscription have taken its events: all up to
// Number.
type Cursor struct {
	Epoch  uint32
	Number uint64
	At     time.Time // when it last moved; zero if nothing was taken yet
}

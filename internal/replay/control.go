package replay

import (
	"context"
	"errors"
	"fmt"

	"nems/internal/audit"
	"nems/internal/store"
)

// Deed is what can be done to a replay that is not over.
type Deed string

// The deeds.
const (
	Pause  Deed = "pause"
	Resume Deed = "resume"
	Cancel Deed = "cancel"
	Pace   Deed = "pace" // another rate
)

// Do does a deed. It returns a StateError for a replay that is not in a state for
// it, a WishError for a rate that there cannot be, and store.ErrNotFound.
func Do(ctx context.Context, s Store, id string, d Deed, rate int, e audit.Entry) error {
	r, err := s.Replay(ctx, id)
	if err != nil {
		return err
	}
	c := store.ReplayChange{From: []store.ReplayState{store.ReplayStarting, store.ReplayRunning}}
	switch d {
	case Pause:
		c.To = store.ReplayPaused
	case Resume:
		c.From, c.To = []store.ReplayState{store.ReplayPaused}, store.ReplayRunning
		if r.Counts.Of == 0 && r.Cursor < r.First { // it was paused before it was counted
			c.To = store.ReplayStarting
		}
	case Cancel:
		c.From, c.To = append(c.From, store.ReplayPaused), store.ReplayCancelling
	case Pace:
		if c.From = append(c.From, store.ReplayPaused); rate < 1 || rate > MostRate {
			return &WishError{"rate", fmt.Sprintf("1 to %d copies a second", MostRate)}
		}
		c.Rate = rate
	}
	if err = s.ChangeReplay(ctx, id, c, e); errors.Is(err, store.ErrChanged) {
		return &StateError{fmt.Sprintf("the replay %s is %s: it cannot be changed so", id, r.State)}
	}
	return err
}

package operator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"nems/internal/audit"
)

// Clock is the clock of a dev world, which can be set. Safe for concurrent use.
type Clock interface {
	Show() ClockState
	// Set returns a *ClockBackError if the clock would go back and the setting does not
	// say that it may.
	Set(ctx context.Context, s ClockSetting) (ClockState, error)
}

// ClockState is what the clock of a dev world shows.
type ClockState struct {
	Now     time.Time `json:"now" jsonschema:"business time: what the service takes for the present"`
	Machine time.Time `json:"machine" jsonschema:"the machine's clock"`
	Speed   float64   `json:"speed" jsonschema:"how much faster than the machine's it runs; 0 while it is stopped"`
	Moved   bool      `json:"moved" jsonschema:"it is not the machine's clock"`
}

// Pace says how the clock runs.
func (s ClockState) Pace() string {
	switch s.Speed {
	case 0:
		return "is stopped"
	case 1:
		return "runs at its usual pace"
	}
	return "runs " + strconv.FormatFloat(s.Speed, 'f', -1, 64) + " times as fast"
}

// ClockSetting says how to set the clock of a dev world. What is empty stays.
type ClockSetting struct {
	To      time.Time `json:"to,omitzero" jsonschema:"the moment that it shall show"`
	Forward string    `json:"forward,omitempty" jsonschema:"by how much it shall go forward, instead of to: a duration such as 36h"`
	Speed   *float64  `json:"speed,omitempty" jsonschema:"how much faster than the machine's it shall run, 0 to 1,000,000; 0 stops it"`
	Back    bool      `json:"back,omitempty" jsonschema:"it may go back. What was accepted later then counts as accepted at the moment at which the clock was put back"`
	Reset   bool      `json:"reset,omitempty" jsonschema:"make it the machine's clock again"`
}

// ClockBackError refuses to put the clock back.
type ClockBackError struct{ Now, To time.Time }

func (e *ClockBackError) Error() string {
	return fmt.Sprintf("the clock shows %s and would go back to %s: what was accepted since then would count as accepted at that moment. Allow it (--back on the command line), or begin with an empty data folder",
		e.Now.UTC().Format(time.RFC3339), e.To.UTC().Format(time.RFC3339))
}

// fastest is the highest speed: twelve days a second.
const fastest = 1e6

// earliest and latest limit what the clock shows: positions of events hold their
// moments until 2039 (store.Moments).
var (
	earliest = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2038, time.January, 1, 0, 0, 0, 0, time.UTC)
)

var errNoClock = conflict("the clock is the machine's: only that of a service that runs with --dev can be set")

// showClock shows the clock of a dev world.
func (d Desk) showClock(context.Context, None) (none ClockState, err error) {
	if d.Clock == nil {
		return none, errNoClock
	}
	return d.Clock.Show(), nil
}

// setClock sets the clock of a dev world. That somebody did is recorded at the new
// time, but not each step of a clock that is stopped, as of a play.
func (d Desk) setClock(ctx context.Context, s ClockSetting) (none ClockState, err error) {
	if s.Speed != nil && (*s.Speed < 0 || *s.Speed > fastest) {
		return none, expected("speed", "0 to 1,000,000", strconv.FormatFloat(*s.Speed, 'g', -1, 64))
	}
	if d.Clock == nil {
		return none, errNoClock
	}
	if s.Forward != "" {
		by, err := time.ParseDuration(s.Forward)
		if err != nil || by < 0 || !s.To.IsZero() {
			return none, expected("forward", "a duration such as 36h, and no other moment", s.Forward)
		}
		s.To = d.Clock.Show().Now.Add(by)
	}
	if !s.To.IsZero() && (s.To.Before(earliest) || s.To.After(latest)) {
		return none, expected("to", "a moment from 2000 to 2037", s.To.UTC().Format(time.RFC3339))
	}
	if s.Reset && (!s.To.IsZero() || s.Speed != nil) {
		return none, expected("reset", "no other setting beside it", "")
	}
	before := d.Clock.Show()
	state, err := d.Clock.Set(ctx, s)
	var back *ClockBackError
	switch {
	case errors.As(err, &back):
		return none, conflict("%s", back)
	case err != nil:
		return none, err
	}
	if before.Moved && state.Moved && before.Speed == 0 && state.Speed == 0 && !state.Now.Before(before.Now) {
		return state, nil
	}
	e := d.entry(audit.ActionSetClock, state.Now.Format(time.RFC3339)+" "+state.Pace())
	e.Status = 200
	d.Store.Record(e)
	return state, nil
}

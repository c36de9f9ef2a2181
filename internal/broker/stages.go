package broker

import (
	"context"
	"time"
)

// Stage is a part of publishing that is timed.
type Stage string

// The stages, in their order. StageRead and StageAnswer are the API's: the body is
// read, and the answer is written.
const (
	StageRead    Stage = "read"
	StageCheck   Stage = "check"
	StagePatient Stage = "patient" // look-up, comparison, route keys
	StageCommit  Stage = "commit"  // matching, and the commit with others' events
	StageAnswer  Stage = "answer"
)

// Stages lists all stages.
var Stages = []Stage{StageRead, StageCheck, StagePatient, StageCommit, StageAnswer}

// stopwatch times stages one after the other.
type stopwatch struct {
	ctx   context.Context
	took  func(context.Context, Stage, time.Duration)
	begun time.Time
}

// start returns a stopwatch that runs, unless nobody wants to know.
func (b *Broker) start(ctx context.Context) stopwatch {
	if b.Took == nil {
		return stopwatch{}
	}
	return stopwatch{ctx, b.Took, time.Now()}
}

// ended says that a stage has ended, and begins the next one.
func (s *stopwatch) ended(stage Stage) {
	if s.took == nil {
		return
	}
	now := time.Now()
	s.took(s.ctx, stage, now.Sub(s.begun))
	s.begun = now
}

package assure

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The checks of what a publisher does with an answer, or without one.

// failed returns the first attempt that the door answered in the service's place, and the
// attempts after it.
func (o *Outcome) failed() (first *Exchange, after []*Exchange) {
	all := o.Publishes()
	for i, x := range all {
		if x.Instead != "" {
			return x, all[i+1:]
		}
	}
	return nil, nil
}

// checkRetried wants the same message again: with the same id and the same bytes, by
// which a repeat is recognised.
func checkRetried(o *Outcome) (wrong []string, tested bool) {
	first, after := o.failed()
	if first == nil {
		return nil, false
	}
	for _, x := range after {
		switch {
		case x.Hash == first.Hash:
			return nil, true
		case strings.EqualFold(x.Facts.MessageID, first.Facts.MessageID):
			wrong = append(wrong, fmt.Sprintf("message %d has the id of message %d and other bytes; expected the same message again", x.Number, first.Number))
		default:
			wrong = append(wrong, fmt.Sprintf("message %d was sent instead of message %d; expected the same message with the same id, by which a repeat is recognised", x.Number, first.Number))
		}
	}
	if len(after) == 0 {
		wrong = []string{fmt.Sprintf("message %d was not accepted (%s); expected that it is sent again; received nothing", first.Number, first.Instead)}
	}
	return wrong, true
}

// slack is how much earlier than asked a repeat may come: clocks are not exact, and
// requests take their time.
const slack = 50 * time.Millisecond

func checkWaited(o *Outcome) (wrong []string, tested bool) {
	first, after := o.failed()
	if first == nil || len(after) == 0 || o.Step.Answer == nil || o.Step.Answer.RetryAfter == 0 {
		return nil, false
	}
	asked, waited := o.Step.Answer.wait(), after[0].At.Sub(first.Answered)
	if waited+slack < asked {
		wrong = append(wrong, fmt.Sprintf("message %d was answered %d with Retry-After: %d; expected that nothing is sent for %s; received the next attempt after %s",
			first.Number, first.Status, o.Step.Answer.RetryAfter, asked, waited.Round(time.Millisecond)))
	}
	return wrong, true
}

// checkNoLoop counts the attempts of each message that was refused. One with a new id
// that says the same about the same thing is the same attempt in another guise.
func checkNoLoop(o *Outcome) (wrong []string, tested bool) {
	var different []*Exchange
	attempts := map[*Exchange]int{}
	for _, x := range o.Publishes() {
		if x.Instead == "" {
			continue
		}
		tested = true
		i := slices.IndexFunc(different, func(first *Exchange) bool {
			return x.Hash == first.Hash || x.Facts.Kind == first.Facts.Kind && x.Facts.SameThing(first.Facts)
		})
		if i < 0 {
			i, different = len(different), append(different, x)
		}
		attempts[different[i]]++
	}
	for _, first := range different {
		if n := attempts[first]; n > 1 {
			wrong = append(wrong, fmt.Sprintf("message %d was refused with %d %s, which sending again does not change; expected 1 attempt; received %d", first.Number, first.Status, first.Code, n))
		}
	}
	return wrong, tested
}

// leastPause is how long a system waits at least before it tries again what was denied.
const leastPause = time.Second

// checkSlower wants pauses between attempts that do not become shorter.
func checkSlower(o *Outcome) (wrong []string, tested bool) {
	first, after := o.failed()
	if first == nil {
		return nil, false
	}
	last, pause := first, leastPause
	for _, x := range after {
		now := x.At.Sub(last.Answered)
		if now+slack < pause {
			wrong = append(wrong, fmt.Sprintf("message %d was answered %d %s; expected the next attempt after %s at the earliest; received it after %s",
				last.Number, last.Status, last.Code, pause.Round(time.Millisecond), now.Round(time.Millisecond)))
		}
		last, pause = x, max(pause, now)
	}
	return wrong, true
}

// checkConfirmed goes by the answer of a person.
func checkConfirmed(o *Outcome) ([]string, bool) {
	switch {
	case o.Confirmed == nil:
		return nil, false
	case *o.Confirmed:
		return nil, true
	}
	return []string{"the answer to “" + o.Step.Confirm + "” was no"}, true
}

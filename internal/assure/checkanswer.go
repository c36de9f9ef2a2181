package assure

import (
	"fmt"
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

func checkNoLoop(o *Outcome) ([]string, bool) {
	first, after := o.failed()
	if first == nil {
		return nil, false
	}
	if len(after) == 0 {
		return nil, true
	}
	return []string{fmt.Sprintf("message %d was refused with %d %s, which sending again does not change; expected 1 attempt; received %d", first.Number, first.Status, first.Code, len(after)+1)}, true
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

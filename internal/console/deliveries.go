package console

import (
	"fmt"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

func (c *Console) deliveries() page {
	return page{path: "deliveries", title: "Deliveries", role: operator.Viewer, file: "deliveries.html", read: func(v *visit) (any, error) {
		from, err := since(v, 7*24*time.Hour)
		if err != nil {
			return operator.Page[operator.Delivery]{}, err
		}
		return whole(operator.FindDeliveries.Do(v, v.Desk, search(v, operator.DeliveryFilter{
			Mailbox: v.text("mailbox"), EventType: v.text("type"), State: store.State(v.text("state")), From: from,
		})))
	}, act: moveDeliveries}
}

// moves say what a move does, for people.
var moves = map[operator.Move]struct{ about, done string }{
	operator.Retry:  {"wait again, due at once. For parked copies", "wait again"},
	operator.Park:   {"are set aside until somebody retries them. For waiting copies", "are parked"},
	operator.Resend: {"go to their mailbox once more, under another local id. For copies that it had", "go out again"},
}

// moveDeliveries retries, parks or resends what was chosen, after a question.
func moveDeliveries(v *visit) (out outcome, err error) {
	move, ids := operator.Move(v.text("move")), v.form["id"]
	words, ok := moves[move]
	switch {
	case !ok:
		return out, &operator.Error{Code: operator.Invalid, Field: "move", Message: "move: expected retry, park or resend"}
	case len(ids) == 0:
		return out, &operator.Error{Code: operator.Invalid, Field: "id", Message: "choose at least one delivery"}
	case v.text("confirmed") == "":
		return outcome{ask: &question{
			Text:  fmt.Sprintf("%d %s only; others stay as they are.", len(ids), words.about),
			Items: ids, Confirm: fmt.Sprintf("%s %d", capital(string(move)), len(ids)), Form: v.form,
		}}, nil
	}
	moved, err := operator.MoveDeliveries.Do(v, v.Desk, operator.Moving{Move: move, IDs: ids})
	done := fmt.Sprintf("%d %s.", moved.Moved, words.done)
	if len(moved.Left) > 0 {
		done += fmt.Sprintf(" %d stay as they are: not there any more, not in a state for it, or for a mailbox that is not registered for the workflow.", len(moved.Left))
	}
	return outcome{done: done}, err
}

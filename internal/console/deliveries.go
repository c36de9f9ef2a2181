package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

func (c *Console) deliveries() page {
	return page{path: "deliveries", title: "Deliveries", role: operator.Viewer, acts: operator.Operator, file: "deliveries.html", read: func(v *visit) (any, error) {
		filter, err := v.deliveryFilter()
		if err != nil {
			return operator.Page[operator.Delivery]{}, err
		}
		return whole(operator.FindDeliveries.Do(v, v.Desk, search(v, filter)))
	}, act: moveDeliveries}
}

// deliveryFilter reads which copies the page is about.
func (v *visit) deliveryFilter() (f operator.DeliveryFilter, err error) {
	from, err := since(v, 7*24*time.Hour)
	if err != nil {
		return f, err
	}
	f = operator.DeliveryFilter{
		Mailbox: v.text("mailbox"), Subscription: v.text("subscription"), EventType: v.text("type"), State: store.State(v.text("state")), From: from,
	}
	if text := strings.TrimSpace(v.text("event")); text != "" {
		if f.Event, err = strconv.ParseInt(text, 10, 64); err != nil {
			return f, &operator.Error{Code: operator.Invalid, Field: "event", Message: "event: expected the number of an event"}
		}
	}
	return f, nil
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
	case v.text("confirmed") == "":
		return v.askToMove(move)
	case len(ids) == 0:
		return out, errNoneChosen
	}
	moved, err := operator.MoveDeliveries.Do(v, v.Desk, operator.Moving{Move: move, IDs: ids})
	done := fmt.Sprintf("%d %s.", moved.Moved, words.done)
	if len(moved.Left) > 0 {
		done += fmt.Sprintf(" %d stay as they are: not there any more, not in a state for it, or for a mailbox that is not registered for the workflow.", len(moved.Left))
	}
	out = outcome{done: done}
	if back := undone[move]; back != "" && moved.Moved > 0 && err == nil {
		// What stayed as it was, such as copies that somebody else had parked, is not taken back.
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(moved.Left, id) })
		out.undo = &question{Confirm: "Undo: " + string(back), Form: url.Values{"move": {string(back)}, "confirmed": {"yes"}, "id": ids}}
	}
	return out, err
}

// undone is what takes a move back; a copy that was sent again cannot be taken back.
var undone = map[operator.Move]operator.Move{operator.Park: operator.Retry, operator.Retry: operator.Park}

// Fields are those of the search.
func (frame) Fields() []string {
	return []string{"mailbox", "subscription", "event", "type", "state", "since"}
}

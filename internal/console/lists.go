package console

import (
	"fmt"
	"time"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/subscription"
)

// listed is how many items a page of a list has.
const listed = 50

// search asks for a page of what a filter selects: the next one where the URL has
// a cursor.
func search[F any](v *visit, f F) operator.Search[F] {
	s := operator.Matching(f)
	s.Limit, s.After = listed, v.text("after")
	return s
}

// whole hands on a page of a list, nil where there is none.
func whole[T any](found operator.Page[T], err error) (any, error) {
	if err != nil {
		return operator.Page[T]{}, err
	}
	return found, nil
}

// since reads how far back a search goes.
func since(v *visit, otherwise time.Duration) (time.Time, error) {
	text := v.text("since")
	if text == "" {
		return v.Now().Add(-otherwise), nil
	}
	back, err := time.ParseDuration(text)
	if err != nil || back <= 0 {
		return time.Time{}, &operator.Error{Code: operator.Invalid, Field: "since", Message: "since: expected how long ago, such as 24h"}
	}
	return v.Now().Add(-back), nil
}

func (c *Console) mailboxes() page {
	return page{path: "mailboxes", title: "Mailboxes", role: operator.Viewer, file: "mailboxes.html", read: func(v *visit) (any, error) {
		return whole(operator.ListMailboxes.Do(v, v.Desk, operator.Paging{Limit: listed, After: v.text("after")}))
	}}
}

func (c *Console) eventTypes() page {
	return page{path: "event-types", title: "Event types", role: operator.Viewer, file: "eventtypes.html", read: func(v *visit) (any, error) {
		return whole(operator.ListEventTypes.Do(v, v.Desk, operator.Paging{Limit: operator.MaxLimit}))
	}}
}

func (c *Console) refusals() page {
	return page{path: "refused", title: "Refused", role: operator.Viewer, file: "refused.html", read: func(v *visit) (any, error) {
		from, err := since(v, 24*time.Hour)
		if err != nil {
			return operator.Page[operator.Refusal]{}, err
		}
		return whole(operator.FindRefusals.Do(v, v.Desk, search(v, operator.RefusalFilter{
			Since: from, ASID: nhs.ASID(v.text("asid")), Code: v.text("code"), MessageID: v.text("message"),
		})))
	}}
}

func (c *Console) systems() page {
	return page{path: "systems", title: "Systems", role: operator.Viewer, file: "systems.html", read: func(v *visit) (any, error) {
		return whole(operator.ListSystems.Do(v, v.Desk, operator.Paging{Limit: listed, After: v.text("after")}))
	}, act: func(v *visit) (out outcome, err error) {
		asid := v.text("asid")
		if v.text("confirmed") == "" {
			return outcome{ask: &question{
				Text:    fmt.Sprintf("The system %s loses all its rights, on every node within a second. To reinstate it, register it again.", asid),
				Confirm: "Revoke " + asid, Form: v.form,
			}}, nil
		}
		err = operator.RevokeSystem.Run(v, v.Desk, operator.SystemRef{ASID: nhs.ASID(asid)})
		return outcome{done: "The system " + asid + " is revoked."}, err
	}}
}

func (c *Console) subscriptions() page {
	return page{path: "subscriptions", title: "Subscriptions", role: operator.Viewer, file: "subscriptions.html", read: func(v *visit) (any, error) {
		return whole(operator.FindSubscriptions.Do(v, v.Desk, search(v, operator.SubscriptionFilter{
			Status: subscription.Status(v.text("status")), ODS: nhs.ODSCode(v.text("ods")), Quarantined: v.text("quarantined") != "",
		})))
	}, act: func(v *visit) (out outcome, err error) {
		ids := v.form["id"]
		if len(ids) == 0 {
			return out, &operator.Error{Code: operator.Invalid, Field: "id", Message: "choose at least one subscription that waits for approval"}
		}
		err = operator.ApproveSubscriptions.Run(v, v.Desk, ids)
		return outcome{done: fmt.Sprintf("Approved: %d. What is accepted from now on is matched against them.", len(ids))}, err
	}}
}

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

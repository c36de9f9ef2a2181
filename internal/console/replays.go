package console

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"nems/internal/operator"
	"nems/internal/replay"
)

// replaysPage is what the page of a subscription's replays shows.
type replaysPage struct {
	Subscription operator.Subscription
	Replays      []operator.Replay
	Running      bool // one of them is not over
}

// replays shows the replays of a subscription, starts one, and changes one that is
// not over.
func (c *Console) replays() page {
	p := page{path: "subscriptions/{id}/replays", title: "Replays", within: "Subscriptions", role: operator.Viewer, acts: operator.Operator, file: "replays.html"}
	p.read = func(v *visit) (any, error) {
		var out replaysPage
		var err error
		if out.Subscription, err = operator.ShowSubscription.Do(v, v.Desk, operator.SubscriptionRef{ID: v.PathValue("id")}); err != nil {
			return nil, err
		}
		found, err := operator.FindReplays.Do(v, v.Desk, operator.Search[operator.ReplayFilter]{
			Filter: operator.ReplayFilter{Subscription: out.Subscription.ID}, Paging: operator.Paging{Limit: 20},
		})
		if err != nil {
			return nil, err
		}
		out.Replays = found.Items
		out.Running = len(found.Items) > 0 && !found.Items[0].State.Over()
		return out, nil
	}
	p.act = func(v *visit) (outcome, error) {
		if id := v.text("replay"); id != "" {
			return changeReplay(v, id)
		}
		return startReplay(v)
	}
	return p
}

// startReplay starts a replay after a question that says how many copies there are.
func startReplay(v *visit) (out outcome, err error) {
	rate, err := strconv.Atoi(cmp.Or(strings.TrimSpace(v.text("rate")), strconv.Itoa(replay.DefaultRate)))
	if err != nil {
		return out, &operator.Error{Code: operator.Invalid, Field: "rate", Message: "rate: expected a whole number"}
	}
	wish := operator.ReplayWish{Subscription: v.PathValue("id"), From: cmp.Or(strings.TrimSpace(v.text("from")), replay.Oldest), Until: strings.TrimSpace(v.text("until")),
		Mode: v.text("mode"), To: strings.TrimSpace(v.text("to")), Rate: rate, Basis: v.text("basis")}
	if v.text("confirmed") == "" {
		tally, err := operator.TryReplay.Do(v, v.Desk, wish)
		if err != nil {
			return out, err
		}
		var items []string
		for _, day := range tally.Days {
			item := fmt.Sprintf("%s: %d of %s", day.Date, day.Copies, day.EventType)
			if day.Waiting > 0 {
				item += fmt.Sprintf("; %d wait already", day.Waiting)
			}
			items = append(items, item)
		}
		return outcome{ask: &question{
			Text:  fmt.Sprintf("%d copies can be sent again, %d a second at most. Basis: %s", tally.Total, rate, wish.Basis),
			Items: items, Confirm: "Start the replay", Form: v.form,
		}}, nil
	}
	r, err := operator.StartReplay.Do(v, v.Desk, wish)
	return outcome{done: "The replay " + r.ID + " was started."}, err
}

// changeReplay pauses, resumes, cancels or paces a replay.
func changeReplay(v *visit, id string) (out outcome, err error) {
	deed := replay.Deed(v.text("deed"))
	rate := 0
	if deed == replay.Pace {
		if rate, err = strconv.Atoi(strings.TrimSpace(v.text("rate"))); err != nil {
			return out, &operator.Error{Code: operator.Invalid, Field: "rate", Message: "rate: expected a whole number"}
		}
	}
	r, err := operator.ChangeReplay.Do(v, v.Desk, operator.ReplayChange{ID: id, Deed: deed, Rate: rate})
	return outcome{done: fmt.Sprintf("The replay %s is %s, at %d copies a second at most.", id, strings.ToLower(string(r.State)), r.Rate)}, err
}

package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

const (
	// mostMoved is how many copies are moved with one form, and mostSearched how many
	// pages of the desk are read to find them.
	mostMoved, mostSearched = 1000, 20
	// mostNamed is how many mailboxes a question names.
	mostNamed = 5
)

var errNoneChosen = &operator.Error{Code: operator.Invalid, Field: "id", Message: "choose at least one delivery"}

// chosen are copies that are about to be moved.
type chosen struct {
	ids    []string
	states map[store.State]int
	boxes  map[string]int
	oldest time.Time
	more   bool // the search selects more than are moved at once
}

func (c *chosen) add(d operator.Delivery) {
	c.ids = append(c.ids, d.ID)
	c.states[d.State]++
	c.boxes[d.Mailbox]++
	if c.oldest.IsZero() || d.Accepted.Before(c.oldest) {
		c.oldest = d.Accepted
	}
}

// text says what is about to be moved.
func (c *chosen) text() string {
	var states []string
	for _, s := range slices.Sorted(maps.Keys(c.states)) {
		states = append(states, fmt.Sprintf("%d %s", c.states[s], s))
	}
	boxes := slices.Sorted(maps.Keys(c.boxes))
	named := strings.Join(boxes[:min(len(boxes), mostNamed)], ", ")
	if len(boxes) > mostNamed {
		named += fmt.Sprintf(" and %d more mailboxes", len(boxes)-mostNamed)
	}
	text := fmt.Sprintf("Now: %s; for %s; the oldest was accepted %s.", strings.Join(states, ", "), named, moment(c.oldest))
	if c.more {
		text += " The search selects more than these: do it again for the rest."
	}
	return text
}

// askToMove asks before copies are moved: the chosen ones, or all that the search
// selects. The form of the question names each, so that what is confirmed is what was
// shown.
func (v *visit) askToMove(move operator.Move) (out outcome, err error) {
	c := chosen{states: map[store.State]int{}, boxes: map[string]int{}}
	if v.text("all") != "" {
		err = v.chooseAll(&c)
	} else {
		err = v.chooseEach(&c)
	}
	if err != nil {
		return out, err
	}
	if len(c.ids) == 0 {
		return out, errNoneChosen
	}
	v.form["id"] = c.ids
	v.form.Del("all")
	return outcome{ask: &question{
		Text:  fmt.Sprintf("%d %s only; others stay as they are. %s", len(c.ids), moves[move].about, c.text()),
		Items: c.ids, Confirm: fmt.Sprintf("%s %d", capital(string(move)), len(c.ids)), Form: v.form,
	}}, nil
}

// chooseEach looks at the copies that were chosen.
func (v *visit) chooseEach(c *chosen) error {
	ids := v.form["id"]
	if len(ids) > listed {
		return &operator.Error{Code: operator.Invalid, Field: "id", Message: fmt.Sprintf("choose at most %d, or all that the search selects", listed)}
	}
	for _, id := range ids {
		d, err := operator.ShowDelivery.Do(v, v.Desk, operator.DeliveryRef{ID: id})
		if err != nil {
			return err
		}
		c.add(d)
	}
	return nil
}

// chooseAll finds the first copies that the search selects.
func (v *visit) chooseAll(c *chosen) error {
	filter, err := v.deliveryFilter()
	if err != nil {
		return err
	}
	ask := operator.Matching(filter)
	ask.Limit = operator.MaxLimit
	for range mostSearched {
		found, err := operator.FindDeliveries.Do(v, v.Desk, ask)
		if err != nil {
			return err
		}
		for _, d := range found.Items {
			if len(c.ids) == mostMoved {
				c.more = true
				return nil
			}
			c.add(d)
		}
		if ask.After = found.Next; found.Next == "" {
			return nil
		}
	}
	c.more = true
	return nil
}

// delivery shows one copy's life.
func (c *Console) delivery() page {
	p := page{path: "deliveries/{id}", title: "Delivery", within: "Deliveries", role: operator.Viewer, acts: operator.Operator, file: "delivery.html"}
	p.read = func(v *visit) (any, error) {
		d, err := operator.ShowDelivery.Do(v, v.Desk, operator.DeliveryRef{ID: v.PathValue("id")})
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	p.act = moveDeliveries
	return p
}

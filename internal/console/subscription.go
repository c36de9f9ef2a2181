package console

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"nems/internal/catalogue"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// subscription shows one subscription, and rejects, approves, ends or deletes it.
func (c *Console) subscription() page {
	p := page{path: "subscriptions/{id}", title: "Subscription", within: "Subscriptions", role: operator.Viewer, acts: operator.Operator, file: "subscription.html"}
	p.read = func(v *visit) (any, error) {
		s, err := operator.ShowSubscription.Do(v, v.Desk, operator.SubscriptionRef{ID: v.PathValue("id")})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	p.act = func(v *visit) (outcome, error) {
		v.form.Set("id", v.PathValue("id"))
		return endSubscriptions(v)
	}
	return p
}

// explainTo leads from a subscription to an event that is explained for it.
func (c *Console) explainTo() page {
	return page{path: "explain", title: "Explain", within: "Subscriptions", role: operator.Governance, file: "explain.html", read: func(v *visit) (any, error) {
		asked, err := operator.ExplainEvent.Do(v, v.Desk, operator.Matching(operator.EventQuestion{Event: strings.TrimSpace(v.text("event")), Subscription: v.text("subscription")}))
		if err != nil {
			return nil, err
		}
		return asked, nil
	}}
}

// endings say what an act does to subscriptions, for people.
var endings = map[string]struct {
	verb              *operator.Verb[operator.Ending, operator.None]
	about, did, whose string
}{
	"reject": {operator.RejectSubscriptions, "never becomes active. Its owner reads the reason", "Rejected", "waiting for approval"},
	"end":    {operator.EndSubscriptions, "ends now: nothing that is accepted from now on matches it. Its owner reads the reason", "Ended", "active"},
	"delete": {operator.DeleteSubscriptions, "is deleted, as its owner would. It cannot be brought back", "Deleted", ""},
}

// endSubscriptions approves, rejects, ends or deletes what was chosen; all but
// approving after a question.
func endSubscriptions(v *visit) (out outcome, err error) {
	ids, act := v.form["id"], cmp.Or(v.text("act"), "approve")
	if len(ids) == 0 {
		return out, &operator.Error{Code: operator.Invalid, Field: "id", Message: "choose at least one subscription"}
	}
	// The Enter key in the field of the reason presses the first button, Approve: whoever
	// wrote a reason did not mean that.
	if act == "approve" && strings.TrimSpace(v.text("reason")) != "" {
		return out, &operator.Error{Code: operator.Invalid, Field: "reason", Message: "approving takes no reason: empty the field, or press what the reason is for"}
	}
	if act == "approve" {
		err = operator.ApproveSubscriptions.Run(v, v.Desk, ids)
		return outcome{done: fmt.Sprintf("Approved: %d. What is accepted from now on is matched against them.", len(ids))}, err
	}
	ending, known := endings[act]
	switch {
	case !known:
		return out, &operator.Error{Code: operator.Invalid, Field: "act", Message: "act: expected approve, reject, end or delete"}
	case strings.TrimSpace(v.text("reason")) == "":
		return out, &operator.Error{Code: operator.Invalid, Field: "reason", Message: "say why, in a few words"}
	case v.text("confirmed") == "":
		return outcome{ask: &question{
			Text: fmt.Sprintf("Each of %d %s. Reason: %s", len(ids), ending.about, v.text("reason")), Items: ids,
			Confirm: fmt.Sprintf("%s %d", capital(act), len(ids)), Form: v.form,
		}}, nil
	}
	err = ending.verb.Run(v, v.Desk, operator.Ending{IDs: ids, Reason: v.text("reason")})
	return outcome{done: fmt.Sprintf("%s: %d.", ending.did, len(ids))}, err
}

// subscribePage is what the form for a new subscription shows.
type subscribePage struct {
	Types   []*catalogue.EventType
	Systems []subscriber
	Boxes   []devworld.Box
	Preview *operator.Preview
	Created *operator.CreatedSubscription
}

// subscriber is a system that subscribes.
type subscriber struct {
	ASID nhs.ASID
	ODS  nhs.ODSCode
	Name string
}

// subscribe previews and creates a subscription.
func (c *Console) subscribe() page {
	p := page{path: "subscriptions/new", title: "New subscription", within: "Subscriptions", role: operator.Operator, file: "subscribe.html"}
	p.read = func(v *visit) (any, error) {
		out, _ := v.result.(subscribePage)
		out.Types = v.Types().Types()
		if v.Dev {
			for _, s := range devworld.Systems() {
				if len(s.Mailboxes) > 0 {
					out.Systems = append(out.Systems, subscriber{s.ASID, s.ODSCodes[0], s.Name})
				}
			}
			out.Boxes = devworld.Mailboxes()
		}
		return out, nil
	}
	p.act = func(v *visit) (out outcome, err error) {
		var shown subscribePage
		defer func() { v.result = shown }()
		wish := v.wish()
		preview, err := operator.PreviewSubscription.Do(v, v.Desk, wish)
		if err != nil {
			return out, err
		}
		shown.Preview = &preview
		if v.text("do") != "create" {
			return out, nil
		}
		end, err := readMoment(v.text("end"))
		if err != nil {
			return out, err
		}
		asid, ods, _ := strings.Cut(v.text("system"), " ")
		created, err := operator.CreateSubscription.Do(v, v.Desk, operator.Creation{
			Wish: wish, ASID: nhs.ASID(asid), ODS: nhs.ODSCode(ods), Mailbox: v.text("mailbox"), Reason: v.text("reason"), End: end,
		})
		if err != nil {
			return out, err
		}
		shown.Created = &created
		if created.Status == http.StatusCreated {
			out.done = "The subscription is there: every event accepted from now on is matched against it."
		}
		return out, nil
	}
	return p
}

// wish reads what the subscription is to ask for.
func (v *visit) wish() operator.Wish {
	w := operator.Wish{Events: v.form["event"], Registration: v.text("registration"), Tag: v.text("tag")}
	for _, field := range []string{"from", "under"} {
		if age := strings.TrimSpace(v.text(field)); age != "" {
			w.Ages = append(w.Ages, map[string]string{"from": "ge", "under": "lt"}[field]+age)
		}
	}
	if rule := v.text("rule"); rule != "" {
		w.Rule, w.Organisation = rule, strings.TrimSpace(v.text("place"))
	} else {
		w.Patient = v.text("about")
	}
	return w
}

// readMoment reads what a field for date and time sends; zero for none.
func readMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse("2006-01-02T15:04", text)
	if err != nil {
		return at, &operator.Error{Code: operator.Invalid, Message: "expected a date and a time; received another text"}
	}
	return at, nil
}

package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"nems/internal/event"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Outcomes are the choices of the filter.
func (frame) Outcomes() []store.EventOutcome { return store.EventOutcomes }

// Spans are how far back a search can go.
func (frame) Spans() []span {
	return []span{{"1h", "hour"}, {"24h", "24 hours"}, {"168h", "7 days"}, {"720h", "30 days"}, {"8760h", "year"}}
}

// Kinds are those of events.
func (frame) Kinds() []string {
	return []string{string(event.New), string(event.Update), string(event.Delete)}
}

type span struct{ Value, Text string }

// events searches accepted events. Who searches by patient sends a form, so that no
// URL names one.
func (c *Console) events() page {
	p := page{path: "events", title: "Events", role: operator.Viewer, file: "events.html"}
	p.read = func(v *visit) (any, error) {
		from, err := since(v, 24*time.Hour)
		if err != nil {
			return operator.Page[operator.FoundEvent]{}, err
		}
		return whole(operator.FindEvents.Do(v, v.Desk, search(v, operator.EventFilter{
			From: from, EventType: v.text("type"), Kind: v.text("kind"), Publisher: nhs.ASID(v.text("publisher")), ODS: nhs.ODSCode(strings.ToUpper(v.text("ods"))),
			Outcome: operator.EventOutcome(v.text("outcome")), Mailbox: v.text("mailbox"), Patient: strings.ReplaceAll(v.text("patient"), " ", ""),
		})))
	}
	p.act = func(*visit) (outcome, error) { return outcome{}, nil }
	return p
}

// Rules are the generic subscriptions, in plain words.
func (frame) Rules() []span {
	return []span{
		{subscription.RulePractice, "everybody registered with a practice"}, {subscription.RuleSubICBOfGP, "everybody whose practice is in an ICB sub-location"},
		{subscription.RuleSubICBPostcode, "everybody living in an ICB sub-location"}, {subscription.RuleLocalAuthority, "everybody living in a local authority"},
		{subscription.RuleCountry, "everybody living in a country"},
	}
}

// find leads to an event by any of its names: its number, its MessageHeader.id, the
// MESH message id or the local id of a copy.
func (c *Console) find() page {
	return page{path: "events/find", title: "Find an event", within: "Events", role: operator.Viewer, raw: func(v *visit, w http.ResponseWriter) error {
		event, err := operator.ShowEvent.Do(v, v.Desk, operator.EventRef{Event: strings.TrimSpace(v.text("id"))})
		if err != nil {
			return err
		}
		http.Redirect(w, v.Request, Root+"events/"+strconv.FormatInt(event.Event, 10), http.StatusSeeOther)
		return nil
	}}
}

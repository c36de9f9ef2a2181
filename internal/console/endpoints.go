package console

import (
	"cmp"
	"fmt"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
)

// endpoints lists the addresses other than mailboxes that copies go to.
func (c *Console) endpoints() page {
	return page{path: "endpoints", title: "Endpoints", within: "Mailboxes", role: operator.Viewer, file: "endpoints.html", read: func(v *visit) (any, error) {
		return whole(operator.ListEndpoints.Do(v, v.Desk, operator.Paging{Limit: listed, After: v.text("after")}))
	}}
}

// endpointPage is one endpoint, with the first of its subscriptions and what became of its
// latest copies.
type endpointPage struct {
	operator.Endpoint
	Subscriptions     []operator.Subscription
	MoreSubscriptions bool
	Deliveries        []operator.Delivery
	More              bool
}

// Tests reports whether a test event can be sent to it.
func (e endpointPage) Tests() bool {
	return e.Channel != store.StreamChannel && e.Channel != store.SignalChannel
}

// channelNames are the channels in words.
var channelNames = map[store.Channel]string{
	store.WebhookChannel: "webhook", store.RestHookChannel: "R4 notifications", store.StreamChannel: "stream", store.QueueChannel: "queue", store.SignalChannel: "MNS signals",
}

// channel is a channel in words.
func channel(c store.Channel) string { return cmp.Or(channelNames[c], string(c)) }

// subscribedShown is how many of its subscriptions the page of an endpoint shows.
const subscribedShown = 10

// endpoint shows one endpoint, tests it, and switches it on or off.
func (c *Console) endpoint() page {
	p := page{path: "endpoints/{id}", title: "Endpoint", within: "Mailboxes", role: operator.Viewer, acts: operator.Operator, file: "endpoint.html"}
	p.read = func(v *visit) (any, error) {
		e, err := operator.ShowEndpoint.Do(v, v.Desk, operator.EndpointRef{ID: v.PathValue("id")})
		if err != nil {
			return nil, err
		}
		subscribed, err := operator.FindSubscriptions.Do(v, v.Desk, operator.Search[operator.SubscriptionFilter]{
			Filter: operator.SubscriptionFilter{Mailbox: e.ID}, Paging: operator.Paging{Limit: subscribedShown},
		})
		if err != nil {
			return nil, err
		}
		found, err := operator.FindDeliveries.Do(v, v.Desk, search(v, operator.DeliveryFilter{Mailbox: e.ID}))
		return endpointPage{e, subscribed.Items, subscribed.Next != "", found.Items, found.Next != ""}, err
	}
	p.act = func(v *visit) (outcome, error) {
		ref := operator.EndpointRef{ID: v.PathValue("id")}
		switch v.text("do") {
		case "test":
			return tested(operator.TestEndpoint.Do(v, v.Desk, ref))
		case "enable":
			return outcome{done: "It is sent to again, at once."}, operator.EnableEndpoint.Run(v, v.Desk, ref)
		case "disable":
			if v.text("confirmed") == "" {
				return outcome{ask: &question{
					Text:    "Nothing is sent to " + ref.ID + " any more, until somebody switches it on. Copies wait for five days; after that they are undeliverable.",
					Confirm: "Switch off " + ref.ID, Form: v.form,
				}}, nil
			}
			return outcome{done: "Nothing is sent to it any more. Copies wait for five days."}, operator.DisableEndpoint.Run(v, v.Desk, ref)
		}
		return outcome{}, &operator.Error{Code: operator.Invalid, Message: "do: expected test, enable or disable"}
	}
	return p
}

// tested says what came of a test event.
func tested(a operator.Attempt, err error) (outcome, error) {
	switch {
	case err != nil:
		return outcome{}, err
	case a.Why != "" && a.Status != 0:
		return outcome{done: fmt.Sprintf("The test event failed after %d ms: it was answered %d. %s", a.Milliseconds, a.Status, sentence(a.Why))}, nil
	case a.Why != "":
		return outcome{done: fmt.Sprintf("The test event failed after %d ms: %s.", a.Milliseconds, a.Why)}, nil
	}
	return outcome{done: fmt.Sprintf("The test event was answered %d after %d ms.", a.Status, a.Milliseconds)}, nil
}

// registered is the page of a new endpoint, with its secret once it has one.
type registered struct {
	operator.EndpointSecret
	Channels []store.Channel
}

// registerEndpoint registers a webhook, or an endpoint of another channel.
func (c *Console) registerEndpoint() page {
	p := page{path: "endpoints/new", title: "New endpoint", within: "Mailboxes", role: operator.Administrator, file: "registerendpoint.html"}
	p.read = func(v *visit) (any, error) {
		secret, _ := v.result.(operator.EndpointSecret)
		return registered{secret, operator.RegisteredChannels()}, nil
	}
	p.act = func(v *visit) (outcome, error) {
		e := operator.Endpoint{
			ID: strings.TrimSpace(v.text("endpoint")), Name: v.text("name"), ODS: nhs.ODSCode(strings.ToUpper(strings.TrimSpace(v.text("ods")))),
			Channel: store.Channel(v.text("channel")), URL: strings.TrimSpace(v.text("url")), Form: v.text("form"),
		}
		secret, err := operator.PutEndpoint.Do(v, v.Desk, e)
		if err != nil {
			return outcome{}, err
		}
		v.result = secret
		return outcome{done: "The endpoint " + e.ID + " is registered."}, nil
	}
	return p
}

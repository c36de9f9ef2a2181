package node

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/form"
	"nems/internal/lane"
	"nems/internal/mns"
	"nems/internal/nhs"
	"nems/internal/pdsapi"
	"nems/internal/sqs"
	"nems/internal/store"
	"nems/internal/webhook"
)

// MNS is the API of the Multicast Notification Service over this service's events. In
// dev mode it is on the development listener.
type MNS struct {
	// Serve turns it on: in auto, in the dev world only.
	Serve    string `name:"serve" enum:"auto,on,off" default:"auto" help:"Serve the API of the Multicast Notification Service, and deliver its signals: on, off, or auto (in --dev only)."`
	Listener `embed:""`
	// PublicURL is the address that signals name.
	PublicURL string `name:"public-url" help:"Scheme and host of that API, as signals and the tokens of clients name them; default: public-url."`
	// EventNumbers tells subscribers how many signals they should have.
	EventNumbers bool `name:"event-numbers" help:"Signals say which one of their subscription they are, where the MNS always says 1: gaps can be seen, but the MNS's own schema does not allow it."`
}

// serves reports whether the API is served.
func (m MNS) serves(dev bool) bool { return m.Serve == "on" || m.Serve != "off" && dev }

func (m MNS) validate(c *Config) []error {
	wrong := m.Listener.validate("mns", false)
	if u, err := url.Parse(m.PublicURL); m.PublicURL != "" && (err != nil || u.Host == "") {
		wrong = append(wrong, errors.New("mns-public-url: expected scheme and host, such as https://mns.example.org"))
	}
	switch {
	case c.Dev || !m.serves(false):
		if m.Listen != "" {
			wrong = append(wrong, errors.New("mns-listen: the API has a listener of its own in production, with mns-serve: on"))
		}
	case m.Listen == "" || m.Cert == "":
		wrong = append(wrong, errors.New("mns-listen, mns-cert and mns-key are needed with mns-serve: on, because tokens and NHS numbers are sent"))
	case m.PublicURL == "" && c.PublicURL == "":
		wrong = append(wrong, errors.New("mns-public-url: needed with mns-serve: on, because signals name it"))
	}
	return wrong
}

// newMNS makes the API and what carries its signals to MESH mailboxes; they are nil
// when it is off.
func (n *node) newMNS() {
	if !n.MNS.serves(n.Dev) {
		return
	}
	n.tokens = n.newTokens()
	n.mns = mns.New(mns.Config{
		Broker: n.broker, Caller: n.mnsCaller, AnyType: n.Dev, Version: n.Program, Now: n.Now, Log: n.Log,
		Channels: mns.Channels{Endpoints: n.db, Remote: n.meshClient != nil, LocalQueue: n.localQueue, Others: map[store.Channel]mns.Opener{store.WebhookChannel: n.webhookTarget, store.QueueChannel: n.queueTarget}},
	})
	settled := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nems_signal_deliveries_total", Help: "Attempts to put signals of the MNS into MESH mailboxes by the state that they led to.",
	}, []string{"state"})
	n.metrics.registry.MustRegister(settled)
	n.signalLanes = lane.New(lane.Config{
		Outbox: lane.OfChannel(n.db, n.db, store.SignalChannel), Numbers: n.db, Owner: n.owner, Now: n.Now, Log: n.Log,
		Sender: mns.NewSender(mns.SenderConfig{
			Boxes: n.db, Body: n.signalBody, NEMS: n.Mailbox, Remote: n.meshClient, Now: n.clock.Settled, Log: n.Log,
		}),
		Withheld: n.broker.Flagged, Selects: n.selects, Record: n.db.Record,
		Count:    func(d store.Delivery) { settled.WithLabelValues(string(d.State)).Inc() },
		Parallel: 32, Batch: 50, Lease: 2 * time.Minute, Poll: 250 * time.Millisecond, Grace: 8 * time.Second,
	})
}

// carrySignals sends signals until ctx ends.
func (n *node) carrySignals(ctx context.Context) error {
	if n.signalLanes != nil {
		n.signalLanes.Run(ctx)
	}
	return nil
}

// selects is lane.Config's: the filters of subscriptions of the MNS.
func (n *node) selects(ctx context.Context, d store.Delivery, e store.Event) (bool, error) {
	if e.Patient != nil {
		d.Patient = *e.Patient
	}
	return n.broker.Selected(ctx, d, func() map[string][]string { return mns.Attributes(e.Message) })
}

// signalBody is mns.Body.
func (n *node) signalBody(d store.Delivery, e store.Event, t form.Target) ([]byte, error) {
	return mns.Bodies(n.mnsAddress()+mns.Base, n.MNS.EventNumbers, n.dataRef)(d, e, t)
}

// mnsAddress is scheme and host of the API.
func (n *node) mnsAddress() string {
	for _, public := range []string{n.MNS.PublicURL, n.PublicURL} {
		if public != "" {
			return strings.TrimSuffix(public, "/")
		}
	}
	return n.endpoints[0].local() // of the dev world: nobody sends before it is bound
}

// dataRef is where a subscriber reads the record that an event of PDS is about, where
// this service keeps the records itself.
func (n *node) dataRef(eventType, subject string) string {
	base := strings.TrimSuffix(n.PDSAPI.PublicURL, "/")
	if base == "" && n.Dev {
		base = n.mnsAddress()
	}
	switch eventType {
	case "pds-change-of-gp-2", "pds-death-notification-2", "nhs-number-change-2":
		if n.pds != nil && base != "" && subject != "" {
			return base + pdsapi.Base + "/Patient/" + subject
		}
	}
	return ""
}

// mnsHandler serves the API and the tokens for it.
func (n *node) mnsHandler() http.Handler {
	if n.mns == nil {
		return nil
	}
	api := n.tracer.Handler("mns", n.mns)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pdsapi.TokenPath {
			n.tokens.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// webhookTarget is mns.Opener for webhooks: those that an operator has registered for
// an organisation, for signals. The operator agrees that patients' numbers go there,
// and hands the secret over.
func (n *node) webhookTarget(ctx context.Context, owners []nhs.ODSCode, t form.Target) ([]byte, nhs.ODSCode, error) {
	none := mns.NoEndpoint("Please provide the URL of a webhook that is registered for your organisation, for signals of the MNS")
	if n.webhooks == nil {
		return nil, "", none
	}
	return n.registeredFor(ctx, store.WebhookChannel, owners, none, func(row store.Endpoint) []byte {
		if e, err := webhook.Read(row); err == nil && e.URL == t.Endpoint && e.Signals() {
			return webhook.Endpoint{URL: e.URL, Form: webhook.MNS, Via: row.Mailbox.Row, Target: &t}.Pack()
		}
		return nil
	})
}

// hooksPage is how many endpoints are read at once.
const hooksPage = 500

// registeredFor looks through the endpoints that operators have registered for some
// organisations on a channel, until one gives a value. It returns none if none does.
func (n *node) registeredFor(ctx context.Context, c store.Channel, owners []nhs.ODSCode, none error, value func(store.Endpoint) []byte) ([]byte, nhs.ODSCode, error) {
	for _, ods := range owners {
		for after, more := int64(0), true; more; {
			rows, err := n.db.EndpointsOf(ctx, ods, c, after, hooksPage)
			if err != nil {
				return nil, "", err
			}
			for _, row := range rows {
				if v := value(row); v != nil {
					return v, ods, nil
				}
				after = row.Mailbox.Row
			}
			more = len(rows) == hooksPage
		}
	}
	return nil, "", none
}

// localQueue is mns.Channels'. In the dev world a queue of any account is one of here.
func (n *node) localQueue(arn string) string {
	name, ours := sqs.Queue(arn)
	if !ours && !n.Dev {
		return ""
	}
	return name
}

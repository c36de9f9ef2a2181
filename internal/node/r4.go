package node

import (
	"context"
	"errors"
	"net/http"
	"time"

	"nems/internal/lane"
	"nems/internal/r4"
	"nems/internal/store"
	"nems/internal/webhook"
)

// servesR4 reports whether topic-based subscriptions are served in R4.
func (c *Config) servesR4() bool {
	return c.sendsWebhooks() && (c.R4 == "on" || c.R4 != "off" && c.Dev)
}

func (c *Config) validateR4() []error {
	if c.R4 == "on" && !c.sendsWebhooks() {
		return []error{errors.New("r4: what R4 subscriptions ask for is sent as webhooks are: set webhooks-send to on too")}
	}
	return nil
}

// newR4 wires the R4 API, the lanes of the endpoints that its subscriptions bring
// along, and what calls these endpoints when no copy does.
func (n *node) newR4() {
	if !n.servesR4() {
		return
	}
	n.pulse = webhook.NewPulse(n.webhooks)
	n.r4 = r4.New(r4.Config{
		Broker: n.broker, Endpoints: n.db, Catalogue: n.types.now, Door: n.door(), Recorder: n.recorder, Base: n.addresses().of,
		Plain: len(n.webhookNetworks()) > 0, Made: n.pulse.Made, Now: n.Now, Log: n.Log,
	})
	n.restHookLanes = lane.New(n.webhookLane(store.RestHookChannel))
}

// carryRestHooks sends to the endpoints of R4 subscriptions until ctx ends.
func (n *node) carryRestHooks(ctx context.Context) error {
	if n.r4 == nil {
		return nil
	}
	beaten := make(chan struct{})
	go func() { n.pulse.Run(ctx); close(beaten) }()
	n.restHookLanes.Run(ctx)
	<-beaten
	return nil
}

// fhirDoors is the API of the FHIR listener: all that callers with tokens use.
func (n *node) fhirDoors() http.Handler {
	stu3 := n.tracer.Handler("fhir", n.fhir)
	if n.r4 == nil {
		return stu3
	}
	topics := n.tracer.Handler("r4", n.r4)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r4.Owns(r.URL.Path) {
			topics.ServeHTTP(w, r)
			return
		}
		stu3.ServeHTTP(w, r)
	})
}

// webhookLane configures the lanes of a channel that sends as webhooks do.
func (n *node) webhookLane(c store.Channel) lane.Config {
	return lane.Config{
		Outbox: lane.OfChannel(n.db, n.db, c), Numbers: n.db, Sender: n.webhooks, Owner: n.owner, Now: n.Now, Log: n.Log, Withheld: n.broker.Flagged, Selects: n.selects, Record: n.db.Record,
		Count:    func(d store.Delivery) { n.webhooksSettled.WithLabelValues(string(d.State)).Inc() },
		Parallel: 128, Batch: 20, Lease: 2 * time.Minute, Poll: 250 * time.Millisecond, Grace: 8 * time.Second,
	}
}

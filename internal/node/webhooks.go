package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/lane"
	"nems/internal/mtls"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/webhook"
)

// Webhooks is how copies go to the HTTPS endpoints of subscribers.
type Webhooks struct {
	// Send turns them on: in auto, in the dev world only.
	Send string `name:"send" enum:"auto,on,off" default:"auto" help:"Send copies to webhooks: on, off, or auto (in --dev only)."`
	// Allow are networks that are not public and may be called all the same.
	Allow string `name:"allow" help:"Networks (CIDR) or addresses, separated by commas, that webhooks may be at although they are not public; also at other ports, and without TLS. Default: none; in --dev this machine."`
	// CA is the PEM file of further issuers of the endpoints' certificates.
	CA string `name:"ca" type:"path" help:"Issuers (PEM) of the endpoints' certificates; default: the system's."`
	// Origin names this service where receivers are asked for their consent.
	Origin string `name:"origin" help:"DNS name by which receivers know this service (WebHook-Request-Origin); default: the host of public-url, or localhost."`
}

var errAllow = errors.New("webhooks-allow: expected networks such as 10.0.0.0/8, or addresses, separated by commas")

func (w Webhooks) validate() []error {
	if _, err := parseNetworks(w.Allow); err != nil {
		return []error{errAllow}
	}
	if strings.ContainsAny(w.Origin, "/: ") {
		return []error{fmt.Errorf("webhooks-origin: expected a DNS name; received %q", w.Origin)}
	}
	return nil
}

// sends reports whether copies go to webhooks.
func (c *Config) sendsWebhooks() bool {
	return c.Webhooks.Send == "on" || c.Webhooks.Send != "off" && c.Dev
}

// allowed returns the networks that webhooks may be at.
func (c *Config) webhookNetworks() []netip.Prefix {
	if c.Webhooks.Allow == "" && c.Dev {
		return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	networks, _ := parseNetworks(c.Webhooks.Allow) // Validate has read them
	return networks
}

// origin is the name that receivers consent to.
func (c *Config) webhookOrigin() string {
	if c.Webhooks.Origin != "" {
		return c.Webhooks.Origin
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "localhost"
}

// newWebhooks makes the sender of webhooks and the runner of their lanes; both are
// nil when none are sent.
func (n *node) newWebhooks() error {
	if !n.sendsWebhooks() {
		return nil
	}
	secure, err := mtls.Client("webhooks", "", "", n.Webhooks.CA, n.tls)
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	n.webhooks = webhook.New(webhook.Config{
		Endpoints: n.db, RestHooks: n.db, Signal: n.signalBody, Allowed: n.webhookNetworks(), TLS: secure, Origin: n.webhookOrigin(), Now: n.Now, Settled: n.clock.Settled, Machine: n.machine, Record: n.db.Record, Log: n.Log,
	})
	n.webhooksSettled = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nems_webhook_deliveries_total", Help: "Attempts to deliver to webhooks by the state that they led to.",
	}, []string{"state"})
	n.metrics.registry.MustRegister(n.webhooksSettled)
	n.webhookLanes = lane.New(n.webhookLane(store.WebhookChannel))
	return nil
}

// carryWebhooks sends to webhooks until ctx ends.
func (n *node) carryWebhooks(ctx context.Context) error {
	if n.webhooks == nil {
		return nil
	}
	defer n.webhooks.Close()
	n.webhookLanes.Run(ctx)
	return nil
}

// channels is what the desk may do with endpoints: a channel that is off is left out.
func (n *node) channels() map[store.Channel]*operator.Running {
	on := map[store.Channel]*operator.Running{store.StreamChannel: {}}
	if n.webhooks != nil {
		on[store.WebhookChannel] = &operator.Running{Test: n.webhooks.Test, Plain: len(n.webhookNetworks()) > 0}
		on[store.RestHookChannel] = on[store.WebhookChannel]
	}
	if n.queues.sender != nil {
		on[store.QueueChannel] = &operator.Running{Test: n.queues.sender.Test, Fits: n.queueFits}
	}
	return on
}

// tests is broker.Config's.
func (n *node) tests(c store.Channel) func(context.Context, store.Endpoint) (store.Attempt, error) {
	if running := n.channels()[c]; running != nil {
		return running.Test
	}
	return nil
}

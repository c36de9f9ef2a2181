package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/lane"
	"nems/internal/mtls"
	"nems/internal/sqs"
	"nems/internal/store"
)

// SQS is the protocol of Amazon's queues: mailboxes are served as queues, in dev mode
// on the development listener and for every caller, and copies are sent to queues.
type SQS struct {
	Listener `embed:""`
	// PublicURL is the address in the URLs of queues.
	PublicURL string `name:"public-url" help:"Scheme and host in the URLs of queues; default: those that the caller used."`
	// Send turns the sending of copies to queues on: in auto, in the dev world only.
	Send string `name:"send" enum:"auto,on,off" default:"auto" help:"Send copies to queues: on, off, or auto (in --dev only)."`
	// Allow are networks that are not public and may be called all the same.
	Allow string `name:"allow" help:"Networks (CIDR) or addresses, separated by commas, that queues may be at although they are not public; also at other ports, and without TLS. Default: none; in --dev this machine."`
	// CA is the PEM file of further issuers of the certificates of queues elsewhere.
	CA string `name:"ca" type:"path" help:"Issuers (PEM) of the certificates of queues elsewhere; default: the system's."`
	// Credentials is the file of the keys that sign.
	Credentials string `name:"credentials" type:"path" help:"File with the access keys that sign what is sent to queues elsewhere, as Amazon's tools read it: profiles with aws_access_key_id and aws_secret_access_key. A replaced file is used without a restart."`
}

func (q SQS) validate(c *Config) (wrong []error) {
	if _, err := parseNetworks(q.Allow); err != nil {
		wrong = append(wrong, errors.New("sqs-allow: expected networks such as 10.0.0.0/8, or addresses, separated by commas"))
	}
	if q.Listen == "" {
		return wrong
	}
	wrong = append(wrong, q.Listener.validate("sqs", false)...)
	switch {
	case c.Dev:
		wrong = append(wrong, errors.New("sqs-listen: in --dev the queues are on the development listener"))
	case q.Cert == "":
		wrong = append(wrong, errors.New("sqs-cert and sqs-key are needed, because messages about patients are sent"))
	}
	return wrong
}

// sends reports whether copies go to queues.
func (q SQS) sends(dev bool) bool { return q.Send == "on" || q.Send != "off" && dev }

// networks are those that queues may be at although they are not public.
func (q SQS) networks(dev bool) []netip.Prefix {
	if q.Allow == "" && dev {
		return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	networks, _ := parseNetworks(q.Allow) // Validate has read them
	return networks
}

// queues are the parts that speak SQS: what offers mailboxes as queues, and what
// carries copies to queues; all but the server are nil when none are sent.
type queues struct {
	server *sqs.Server
	sender *sqs.Sender
	lanes  *lane.Runner
	keys   *sqs.Keys
}

// newQueues wires them.
func (n *node) newQueues() error {
	used := n.addresses()
	used.public = strings.TrimSuffix(n.SQS.PublicURL, "/")
	used.known = mtls.ViaProxy
	c := sqs.Config{Boxes: n.db, Queues: n.db, Open: n.Dev, Base: used.of, NEMS: n.Mailbox, Now: n.Now, TokenTime: n.machine, Stopping: n.ending,
		RecordRoom: n.recorder.RecordRoom, Record: n.recorder.Record, TurnedAway: n.queueTurnedAway, Log: n.Log}
	if n.SQS.ClientCA != "" {
		c.Allowed = n.systems.opens
	}
	n.queues.server = sqs.New(c)
	if !n.SQS.sends(n.Dev) {
		return nil
	}
	secure, err := mtls.Client("sqs", "", "", n.SQS.CA, n.tls)
	if err != nil {
		return fmt.Errorf("sqs: %w", err)
	}
	if n.queues.keys, err = sqs.OpenKeys(n.SQS.Credentials); err != nil {
		return err
	}
	n.queues.sender = sqs.NewSender(sqs.SenderConfig{Endpoints: n.db, Body: n.queueBody, Local: n.queues.server, Key: n.queues.keys.Key, Group: n.queueGroup,
		Allowed: n.SQS.networks(n.Dev), TLS: secure, Now: n.Now, Settled: n.clock.Settled, Machine: n.machine})
	settled := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nems_queue_deliveries_total", Help: "Attempts to deliver to queues by the state that they led to.",
	}, []string{"state"})
	n.metrics.registry.MustRegister(settled)
	n.queues.lanes = lane.New(lane.Config{
		Outbox: lane.OfChannel(n.db, n.db, store.QueueChannel), Numbers: n.db, Sender: n.queues.sender, Owner: n.owner, Now: n.Now, Log: n.Log,
		Withheld: n.broker.Flagged, Selects: n.selects, Record: n.db.Record,
		Count:    func(d store.Delivery) { settled.WithLabelValues(string(d.State)).Inc() },
		Parallel: 64, Batch: 50, Lease: 2 * time.Minute, Poll: 250 * time.Millisecond, Grace: 8 * time.Second,
	})
	return nil
}

// carryQueues sends to queues until ctx ends.
func (n *node) carryQueues(ctx context.Context) error {
	if n.queues.sender == nil {
		return nil
	}
	defer n.queues.sender.Close()
	n.queues.lanes.Run(ctx)
	return nil
}

// queueTurnedAway reports to operators the callers that were turned away from queues.
func (n *node) queueTurnedAway(r *http.Request, box, why string) {
	n.away.note(refusal{what: "an SQS caller was turned away", listener: "sqs", peer: host(r.RemoteAddr),
		certificate: n.systems.certificate(r), mailbox: box, reason: why})
}

// sweptAtOnce is how many messages a step of the sweep forgets.
const sweptAtOnce = 1000

// sweepQueues forgets what consumers held of messages that are gone.
func (n *node) sweepQueues(ctx context.Context) error {
	for {
		swept, err := n.db.SweepHeld(ctx, sweptAtOnce)
		if err != nil || swept < sweptAtOnce {
			return err
		}
	}
}

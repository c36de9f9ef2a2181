package node

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"nems/internal/mtls"
	"nems/internal/sqs"
)

// SQS is the protocol of Amazon's queues. In dev mode it is on the development
// listener, for every caller.
type SQS struct {
	Listener `embed:""`
	// PublicURL is the address in the URLs of queues.
	PublicURL string `name:"public-url" help:"Scheme and host in the URLs of queues; default: those that the caller used."`
}

func (q SQS) validate(c *Config) []error {
	if q.Listen == "" {
		return nil
	}
	wrong := q.Listener.validate("sqs", false)
	switch {
	case c.Dev:
		wrong = append(wrong, errors.New("sqs-listen: in --dev the queues are on the development listener"))
	case q.Cert == "":
		wrong = append(wrong, errors.New("sqs-cert and sqs-key are needed, because messages about patients are sent"))
	}
	return wrong
}

// queues are the parts that speak SQS.
type queues struct {
	server *sqs.Server
}

// newQueues wires what offers mailboxes as queues.
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

// carryQueues sends to queues until the context ends.
func (n *node) carryQueues(context.Context) error { return nil }

package node

import (
	"net/http"

	"nems/internal/directory/devworld"
	"nems/internal/mailbox"
)

// mailboxes wires the MESH server.
func (n *node) mailboxes() *mailbox.Server {
	key := n.MESHSharedKey
	if key == "" && n.Dev {
		key = devworld.SharedKey
	}
	c := mailbox.Config{Boxes: n.db, SharedKey: []byte(key), Now: n.Now, TokenTime: n.machine, Dev: n.Dev, Logger: n.Log,
		Recorder: n.recorder, Certificate: n.systems.certificate, TurnedAway: n.meshTurnedAway,
		NEMS: n.Mailbox, Reserved: n.reserves, Answered: n.metrics.meshAnswered}
	if !n.Dev {
		c.Allowed = n.systems.opens
	}
	return mailbox.New(c)
}

// meshTurnedAway reports to operators the callers that the MESH server turned away.
func (n *node) meshTurnedAway(r *http.Request, box string, why mailbox.Reason) {
	n.metrics.meshRefused.WithLabelValues(string(why)).Inc()
	n.away.note(refusal{what: "a MESH caller was turned away", listener: "mesh", peer: host(r.RemoteAddr),
		certificate: n.systems.certificate(r), mailbox: box, reason: string(why)})
}

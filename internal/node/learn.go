package node

import (
	"context"
	"time"

	"nems/internal/broker"
)

// learner returns the directory if it learns from the events of the Spine. It
// is nil if patients are looked up elsewhere, or if an operator has switched
// learning off.
func (n *node) learner() broker.Learner {
	if n.PDS.URL != "" || n.Learning == "off" {
		return nil
	}
	return n.directory
}

// learnEvery is how soon a node's directory knows what another node accepted.
const learnEvery = time.Second

// learn makes this node's directory follow what was accepted on any node, until
// the context ends. What one round could not do is left to the next.
func (n *node) learn(ctx context.Context) error {
	if n.broker.Learner == nil {
		return nil
	}
	tick := time.NewTicker(learnEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			n.catchUp(ctx)
		}
	}
}

// catchUp is also called before the node answers: what the directory missed
// because of a crash must not misroute the first publish.
func (n *node) catchUp(ctx context.Context) {
	if n.broker.Learner == nil {
		return
	}
	learnt, err := n.broker.CatchUp(ctx)
	if err != nil && ctx.Err() == nil {
		n.Log.Warn("the directory does not learn from events", "error", err)
	}
	if learnt > 0 {
		n.Log.Debug("the directory has caught up", "events", learnt)
	}
}

package node

import (
	"context"
	"time"

	"nems/internal/broker"
)

// learner is the directory where it learns from the events of the Spine; nil
// where patients are looked up elsewhere, or an operator has switched it off.
func (n *node) learner() broker.Learner {
	if n.PDS.URL != "" || n.Learning == "off" {
		return nil
	}
	return n.directory
}

// learnEvery is how soon a node's directory knows what another node accepted.
const learnEvery = time.Second

// learn has this node's directory catch up with what was accepted anywhere, until
// the context ends. What one round could not do, the next one does.
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

// catchUp is called before the node answers too: what a crash kept from the
// directory must not misroute the first publish.
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

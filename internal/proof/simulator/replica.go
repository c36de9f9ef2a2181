package simulator

import (
	"context"
	"errors"
	"iter"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// replica is how a node uses a disk that it shares with another: through a group
// committer and with its own chain of the audit.
type replica struct {
	*disk
	node      *simNode
	committer *store.Committer[op, any]
	chain     *audit.Chain // nil until its first link
}

func newReplica(d *disk, n *simNode) *replica {
	r := &replica{disk: d, node: n}
	r.committer = store.NewCommitter(store.Limits[op]{Queue: 6, Batch: 4}, r.commit)
	return r
}

// Run implements database.
func (r *replica) Run(ctx context.Context) error {
	committing, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { r.committer.Run(committing); close(ended) }()
	r.spreadLoop(ctx)
	stop()
	<-ended
	return nil
}

// Close implements database.
func (r *replica) Close() error { return nil }

// Stats implements database.
func (r *replica) Stats() store.CommitterStats { return r.committer.Stats() }

// Housekeep implements database. A disk forgets nothing.
func (r *replica) Housekeep(context.Context) error { return nil }

// submit has the group committer apply an operation.
func submit[R any](ctx context.Context, r *replica, o op) (R, error) {
	got, err := r.committer.Submit(ctx, o)
	value, _ := got.(R)
	return value, err
}

// spreadLoop files the copies of large fan-outs.
func (r *replica) spreadLoop(ctx context.Context) {
	t := r.node.spreader
	for t.wait(ctx, t.between(100*time.Millisecond, 600*time.Millisecond)) == nil {
		for r.spreads() && r.node.enter(t) == nil {
			if more, err := submit[bool](ctx, r, spreadOp{}); err != nil || !more {
				break
			}
		}
	}
}

// commit is the transaction of the group committer.
func (r *replica) commit(ops []op, out []store.Outcome[any]) error {
	n, t := r.node, r.node.commits
	if n.dead.Load() {
		return store.ErrUnknown
	}
	fate := n.fate()
	n.reachDisk()
	switch {
	case n.dead.Load():
		return store.ErrUnknown
	case fate == full:
		return store.ErrBusy
	case fate == broken:
		return errDisk
	case fate == crashesBefore:
		n.crash(t)
		return store.ErrUnknown
	}
	r.apply(ops, out)
	t.log("commits %d", len(ops))
	switch fate {
	case crashesAfter:
		n.crash(t)
		return store.ErrUnknown
	case unanswered:
		return store.ErrUnknown
	}
	return nil
}

func (r *replica) apply(ops []op, out []store.Outcome[any]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := tx{disk: r.disk}
	for i, o := range ops {
		out[i].Value, out[i].Err = o.apply(&t)
	}
	if len(t.entries) == 0 {
		return
	}
	if r.chain == nil {
		// Only when there is a link to write, because the first link must bind
		// the very end of the other chains.
		t.chains++
		r.chain = audit.NewChain(t.chains, t.heads())
	}
	l := r.chain.Next(r.node.machine.now(), t.entries)
	r.chain.Extend(l)
	t.links = append(t.links, l)
}

// Links implements database.
func (r *replica) Links(context.Context, time.Time, time.Time) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		for _, l := range r.links {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// Heads implements database.
func (r *replica) Heads(context.Context) ([]audit.Head, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heads(), nil
}

// ResendDelivery is not part of the model.
func (r *replica) ResendDelivery(context.Context, string, time.Time, audit.Entry) error {
	return errors.ErrUnsupported
}

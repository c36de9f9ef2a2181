package simulator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/courier"
	"nems/internal/directory/devworld"
	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/subscription"
)

// errDisk is what a machine that fails says; it is none of the sentinels.
var errDisk = errors.New("simulated: input/output error")

// machine is a machine on which nodes run, one after the other.
type machine struct {
	number int
	at     atomic.Pointer[node] // nil: none runs
	starts int
	offset atomic.Int64 // of its clock
}

func (s *machine) now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// node is one process: the broker, the group committer and the courier over
// the shared disk. It is broker.Journal, broker.Mailboxes and courier.Outbox.
type node struct {
	sim     *simulation
	machine *machine
	name    string
	broker  *broker.Broker

	committer *store.Committer[op, any]
	chain     *audit.Chain // nil until its first link
	commits   *thread      // the committer's
	claims    *thread
	reports   *thread
	router    *thread
	spreader  *thread

	dead  atomic.Bool
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu    sync.Mutex
	lanes map[string]*thread // by mailbox
	cache []subscription.Subscription
}

// start boots a node.
func (sim *simulation) start(s *machine, types *catalogue.Catalogue, dev *devworld.World) {
	s.starts++
	n := &node{sim: sim, machine: s, name: fmt.Sprintf("node%d.%d", s.number, s.starts), lanes: map[string]*thread{}}
	n.commits, n.claims, n.reports = sim.thread(n.name+" commit"), sim.thread(n.name+" claim"), sim.thread(n.name+" reports")
	n.router, n.spreader = sim.thread(n.name+" router"), sim.thread(n.name+" spread")
	for _, b := range boxes {
		n.lanes[b.ID] = sim.thread(n.name + " " + b.ID)
	}
	n.committer = store.NewCommitter(store.Limits[op]{Queue: 6, Batch: 4}, n.commit)
	n.broker = broker.New(broker.Config{
		Journal: n, Mailboxes: n, Catalogue: func() *catalogue.Catalogue { return types },
		Patients: sim.pds, Organisations: dev, Postcodes: dev, Level: catalogue.Level("standard"), Now: s.now,
	})
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	n.ended.Go(func() { n.committer.Run(ctx) })
	n.ended.Go(func() { n.route(ctx) })
	n.ended.Go(func() { n.spread(ctx) })
	n.ended.Go(func() { n.carry(ctx) })
	s.at.Store(n)
}

// crash ends a node as kill -9 does: nothing that it does from now on has an
// effect on the disk or is heard by anybody.
func (n *node) crash(t *thread) {
	if n.dead.Swap(true) {
		return
	}
	t.log("%s crashes", n.name)
	n.sim.count(&n.sim.crashes)
	n.sim.disk.forget(n)
	n.stop()
}

// carry runs the real courier and the real MESH client over the simulated line.
func (n *node) carry(ctx context.Context) {
	client, err := mesh.NewClient(mesh.ClientConfig{
		URL: "http://mesh.test", Mailbox: ourMailbox, Password: "password", SharedKey: []byte(sharedKey),
		Now: n.machine.now, Transport: line{n},
	})
	if err != nil {
		n.sim.book.wrong("no MESH client: %v", err)
		return
	}
	c := courier.New(courier.Config{
		Outbox: outbox{n}, Client: client, Owner: n.name, Now: n.machine.now,
		// Multiples of the tick: timers of the courier stay in its threads' slots.
		Poll: 1 << 18 * tick, Reports: 1 << 20 * tick, SendTimeout: 1 << 20 * tick, Grace: 1 << 20 * tick, Lease: 30 * time.Second,
		Parallel: 4, Batch: 3, MostBackoff: 30 * time.Second, MostRefusals: 8, Trip: 6, Rest: 10 * time.Second,
	})
	if err := c.Run(ctx); err != nil {
		n.sim.book.wrong("the courier of %s ended: %v", n.name, err)
	}
}

// route routes deferred events every few seconds.
func (n *node) route(ctx context.Context) {
	for n.router.wait(ctx, n.router.between(time.Second, 3*time.Second)) == nil {
		if routed, err := n.broker.RouteDeferred(on(ctx, n.router)); routed > 0 {
			n.router.log("routed %d, complete %v", routed, err == nil)
		}
	}
}

// spread files the copies of large fan-outs.
func (n *node) spread(ctx context.Context) {
	for n.spreader.wait(ctx, n.spreader.between(100*time.Millisecond, 600*time.Millisecond)) == nil {
		for n.sim.disk.spreads() {
			if more, err := n.submit(on(ctx, n.spreader), spreadOp{}); err != nil || !more.(bool) {
				break
			}
		}
	}
}

func (d *disk) spreads() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.spread) > 0
}

// submit brings an operation to the disk through the group committer, in the
// thread of ctx. The answer can get lost with its node.
func (n *node) submit(ctx context.Context, o op) (any, error) {
	t := threadOf(ctx)
	t.sleep(10*time.Microsecond, time.Millisecond)
	if n.dead.Load() {
		return nil, store.ErrClosed
	}
	if n.sim.Bug == AcknowledgesEarly {
		if a, ok := o.(acceptOp); ok {
			err := n.committer.Post(o)
			t.sleep(10*time.Microsecond, time.Millisecond)
			return store.Receipt{Event: a.Event}, err
		}
	}
	got, err := n.committer.Submit(ctx, o)
	t.sleep(10*time.Microsecond, time.Millisecond)
	if n.dead.Load() {
		return nil, fmt.Errorf("%w: the node is gone", store.ErrUnknown)
	}
	return got, err
}

// commit is the transaction of the group committer.
func (n *node) commit(ops []op, out []store.Outcome[any]) error {
	t := n.commits
	if n.dead.Load() {
		return store.ErrUnknown
	}
	t.sleep(time.Millisecond, 12*time.Millisecond)
	if t.happens(2) {
		t.sleep(time.Second, 6*time.Second)
	}
	switch {
	case n.dead.Load():
		return store.ErrUnknown
	case t.happens(2):
		t.log("a commit of %d fails", len(ops))
		return errDisk
	case t.happens(2):
		return store.ErrBusy
	case t.happens(1):
		n.crash(t) // before the commit
		return store.ErrUnknown
	}
	n.apply(ops, out)
	t.log("commits %d", len(ops))
	switch {
	case t.happens(1):
		n.crash(t) // after it
		return store.ErrUnknown
	case t.happens(2):
		t.log("the answer of a commit is lost")
		return store.ErrUnknown
	}
	return nil
}

func (n *node) apply(ops []op, out []store.Outcome[any]) {
	n.sim.disk.mu.Lock()
	defer n.sim.disk.mu.Unlock()
	t := tx{disk: n.sim.disk, node: n}
	for i, o := range ops {
		out[i].Value, out[i].Err = o.apply(&t)
	}
	if len(t.entries) == 0 {
		return
	}
	if n.chain == nil {
		// Not before it has a link to write: what a first link binds must be the
		// very end of the other chains.
		t.chains++
		n.chain = audit.NewChain(t.chains, t.heads())
	}
	l := n.chain.Next(n.machine.now(), t.entries)
	n.chain.Extend(l)
	t.links = append(t.links, l)
}

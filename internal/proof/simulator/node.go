package simulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/courier"
	"nems/internal/mesh"
	"nems/internal/store"
)

// errDisk is the error of a failing machine; it is none of the sentinels.
var errDisk = errors.New("simulated: input/output error")

// machine is what nodes run on, one after the other.
type machine struct {
	number int
	at     atomic.Pointer[simNode] // the newest
	starts int
	offset atomic.Int64 // of its clock
}

func (m *machine) now() time.Time { return time.Now().Add(time.Duration(m.offset.Load())) }

// simNode is one process, a node of the service: a broker and a courier over a database.
type simNode struct {
	sim     *simulation
	machine *machine
	name    string
	db      database
	broker  *broker.Broker

	commits     *thread // the committer's
	claims      *thread
	reports     *thread
	router      *thread
	spreader    *thread
	housekeeper *thread
	lanes       map[string]*thread // by mailbox

	working      atomic.Int64 // calls of the database under way
	keepingHouse atomic.Bool
	leaving      atomic.Bool // it ends in order, or has ended so
	dead         atomic.Bool
	stop         context.CancelFunc
	ended        sync.WaitGroup
}

// start boots a node. A node whose disk fails during the start is dead from the
// start.
func (sim *simulation) start(m *machine) {
	m.starts++
	n := &simNode{sim: sim, machine: m, name: fmt.Sprintf("node%d.%d", m.number, m.starts), lanes: map[string]*thread{}}
	n.commits, n.claims, n.reports = sim.thread(n.name+" commit"), sim.thread(n.name+" claim"), sim.thread(n.name+" reports")
	n.router, n.spreader, n.housekeeper = sim.thread(n.name+" router"), sim.thread(n.name+" spread"), sim.thread(n.name+" keep")
	for _, b := range boxes {
		n.lanes[b.ID] = sim.thread(n.name + " " + b.ID)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	var err error
	if n.db, err = sim.open(n); err != nil {
		n.dead.Store(true)
		n.commits.log("%s does not start", n.name)
		if !sim.drive.hasFailed() {
			sim.book.wrong("%s does not start: %v", n.name, err)
		}
		m.at.Store(n)
		return
	}
	n.broker = broker.New(broker.Config{
		Journal: front{n.db, n}, Mailboxes: n.db, Numbers: noEndpoints{}, Catalogue: func() *catalogue.Catalogue { return sim.types },
		Patients: sim.pds, Organisations: sim.dev, Postcodes: sim.dev, Level: catalogue.Level("standard"), Now: m.now,
	})
	n.ended.Go(func() { n.live(ctx) })
	m.at.Store(n)
}

// live does the work until ctx ends. The database outlives all that uses it.
func (n *simNode) live(ctx context.Context) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var db, workers sync.WaitGroup
	db.Go(func() { _ = n.db.Run(running) })
	workers.Go(func() { n.route(ctx) })
	workers.Go(func() { n.keepHouse(ctx) })
	workers.Go(func() { n.carry(ctx) })
	workers.Wait()
	stop()
	db.Wait()
	if err := n.db.Close(); err != nil && !n.dead.Load() {
		n.sim.book.wrong("%s: closing: %v", n.name, err)
	}
	n.dead.Store(true)
}

// crash ends a node as kill -9 does: nothing that it does from now on has an
// effect on the disk or is heard by anybody. A power cut takes from a drive what
// was not synced, too.
func (n *simNode) crash(t *thread) {
	n.end(t, loss(t.below(int(losses))), rand.New(rand.NewPCG(n.sim.Seed, uint64(t.below(1<<30))))) //nolint:gosec // replayable by design
}

func (n *simNode) end(t *thread, what loss, chance *rand.Rand) {
	if n.dead.Swap(true) {
		return
	}
	t.log("%s crashes", n.name)
	n.sim.count(&n.sim.crashes)
	if n.sim.SQLite {
		n.sim.drive.cut(what, chance)
	}
	if n.sim.Bug == LosesCursor && n.sim.disk != nil {
		n.sim.disk.forget()
	}
	n.stop()
}

// leave ends a node in order.
func (n *simNode) leave(t *thread) {
	if n.dead.Load() || n.leaving.Swap(true) {
		return
	}
	t.log("%s ends", n.name)
	n.stop()
}

// runs tells whether a node can be asked.
func (n *simNode) runs() bool { return !n.dead.Load() && !n.leaving.Load() }

// carry runs the real courier and the real MESH client over the simulated line.
func (n *simNode) carry(ctx context.Context) {
	client, err := mesh.NewClient(mesh.ClientConfig{
		URL: "http://mesh.test", Mailbox: ourMailbox, Password: "password", SharedKey: []byte(sharedKey),
		Now: n.machine.now, Transport: line{n},
	})
	if err != nil {
		n.sim.book.wrong("no MESH client: %v", err)
		return
	}
	c := courier.New(courier.Config{
		Outbox: front{n.db, n}, Client: client, Owner: n.name, Now: n.machine.now,
		// Multiples of the tick, so that timers of the courier stay in the slots of its threads.
		Poll: 1 << 18 * tick, Reports: 1 << 20 * tick, SendTimeout: 1 << 20 * tick, Grace: 1 << 20 * tick, Lease: 30 * time.Second,
		Parallel: 4, Batch: 3, MostBackoff: 30 * time.Second, MostRefusals: 8, Trip: 6, Rest: 10 * time.Second,
	})
	if err := c.Run(ctx); err != nil {
		n.sim.book.wrong("the courier of %s ended: %v", n.name, err)
	}
}

// route routes deferred events every few seconds.
func (n *simNode) route(ctx context.Context) {
	for n.router.wait(ctx, n.router.between(time.Second, 3*time.Second)) == nil {
		if routed, err := n.broker.RouteDeferred(on(ctx, n.router)); routed > 0 {
			n.router.log("routed %d, complete %v", routed, err == nil)
		}
	}
}

// keepHouse has the database keep house from time to time. Other calls wait
// meanwhile: which of them would share a commit with it is not up to the seed.
func (n *simNode) keepHouse(ctx context.Context) {
	for n.housekeeper.wait(ctx, n.housekeeper.between(2*time.Second, 20*time.Second)) == nil {
		n.keepingHouse.Store(true)
		for n.working.Load() > 0 && !n.dead.Load() {
			n.housekeeper.sleep(time.Millisecond, 5*time.Millisecond)
		}
		if !n.dead.Load() {
			if err := n.db.Housekeep(ctx); err != nil && !n.dead.Load() {
				n.housekeeper.log("housekeeping: %s", n.housekeeper.judge(err))
			}
			n.housekeeper.sleep(time.Microsecond, time.Millisecond)
		}
		n.keepingHouse.Store(false)
	}
}

// fate is what happens to a commit.
type fate int

const (
	works         fate = iota
	full               // there is no room for it
	broken             // it cannot be written
	unanswered         // it may have been written, but the answer is lost
	crashesBefore      // the node crashes before it is on the disk
	crashesAfter       // and after
)

// fate draws how the next commit goes.
func (n *simNode) fate() fate {
	for _, f := range []struct {
		percent float64
		fate
	}{{2, full}, {2, broken}, {2, unanswered}, {1, crashesBefore}, {1, crashesAfter}} {
		if n.commits.happens(f.percent) {
			return f.fate
		}
	}
	return works
}

// reachDisk takes the time that a commit takes.
func (n *simNode) reachDisk() {
	n.commits.sleep(time.Millisecond, 12*time.Millisecond)
	if n.commits.happens(2) {
		n.commits.sleep(time.Second, 6*time.Second)
	}
}

// noEndpoints says that all remote mailboxes are at a MESH. Nobody asks for numbers here.
type noEndpoints struct{ broker.Numbers }

func (noEndpoints) Endpoint(context.Context, int64) (store.Endpoint, error) {
	return store.Endpoint{}, store.ErrNotFound
}

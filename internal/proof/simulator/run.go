package simulator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
	"nems/internal/store"
)

// How much happens in a run.
const (
	publishers, publications   = 3, 10
	subscribers, subscriptions = 4, 5
	// settling is how long it may take until everything is in order after the
	// faults are healed.
	settling = 20 * time.Minute
)

// parts are shared by all runs and do not change.
type parts struct {
	types *catalogue.Catalogue
	dev   *devworld.World
}

var shared = sync.OnceValues(func() (parts, error) {
	types, err := catalogue.Embedded()
	if err != nil {
		return parts{}, err
	}
	dev, err := devworld.New()
	return parts{types, dev}, err
})

// Run runs one seed. It must be called in a synctest bubble of its own, whose
// clock it uses.
func Run(c Config) Outcome {
	sim := &simulation{Config: c, began: time.Now(), hash: 14695981039346656037, past: &history{}, claims: claims{held: map[int64]claim{}}}
	sim.book = &book{sim: sim, downloaded: map[string]bool{}}
	sim.pds = newPDS(sim)
	if err := sim.prepare(); err != nil {
		return Outcome{Violations: []string{err.Error()}}
	}
	for _, m := range sim.machines {
		sim.start(m)
	}
	sim.live()
	out := sim.judge()
	if err := sim.mesh.remove(); err != nil {
		sim.book.wrong("the store of the far MESH is not removed: %v", err)
	}
	if sim.drive != nil {
		if err := sim.drive.remove(); err != nil {
			sim.book.wrong("the drive is not removed: %v", err)
		}
	}
	out.Hash, out.Lines, out.Violations, out.Unknown, out.Crashes = sim.hash, sim.lines, sim.book.violations, sim.unknown, sim.crashes
	return out
}

// prepare makes the machines and their storage: one machine with a drive for the
// SQLite store, or two that share a disk.
func (sim *simulation) prepare() error {
	var err error
	if sim.parts, err = shared(); err != nil {
		return err
	}
	if sim.mesh, err = newMESH(sim); err != nil {
		return err
	}
	if !sim.SQLite {
		sim.disk, sim.machines = newDisk(fewCopies), []*machine{{number: 1}, {number: 2}}
		return nil
	}
	sim.machines = []*machine{{number: 1}}
	if sim.drive, err = newDrive(sim); err != nil {
		return err
	}
	return sim.drive.format()
}

func (sim *simulation) ctx() context.Context { return context.Background() }

// live lets faults happen, heals them and waits until everything has settled.
func (sim *simulation) live() {
	background, stop := context.WithCancel(context.Background())
	var around, acting sync.WaitGroup
	for _, b := range boxes[:3] {
		c := &collector{sim.thread("collector " + b.ID), b}
		around.Go(func() { c.run(background) })
	}
	for _, chaos := range sim.chaos() {
		around.Go(func() { chaos(background) })
	}
	publishes, subscribes := systems()
	for i := range publishers {
		a := sim.publisher(i+1, publishes)
		acting.Go(func() { a.run(publications) })
	}
	for i := range subscribers {
		a := sim.subscriber(i+1, subscribes)
		acting.Go(func() { a.run(subscriptions) })
	}
	acting.Wait()
	sim.heal()
	sim.settle()
	stop()
	around.Wait()
}

// judge ends the nodes and checks what is stored. The power of a drive is cut
// once more before that, so that only what is really on it counts.
func (sim *simulation) judge() Outcome {
	t := sim.thread("end")
	t.sleep(time.Millisecond, 2*time.Millisecond)
	if sim.drive != nil {
		sim.machines[0].at.Load().end(t, losesAll, nil)
	}
	for _, m := range sim.machines {
		n := m.at.Load()
		n.stop()
		n.ended.Wait()
	}
	sim.mesh.late.Wait()
	if sim.drive == nil {
		return sim.book.check(sim.machines[0].at.Load().db)
	}
	db, err := sim.drive.open(nil)
	if err != nil {
		sim.book.wrong("the database cannot be opened: %v", err)
		return Outcome{}
	}
	out := sim.book.check(db)
	if err := db.Close(); err != nil {
		sim.book.wrong("the database is not closed: %v", err)
	}
	return out
}

// systems returns the system that publishes and the one that subscribes.
func systems() (publishes, subscribes access.System) {
	for _, s := range devworld.Systems() {
		switch s.ASID {
		case "300000000161":
			publishes = s
		case "200000000115":
			subscribes = s
		}
	}
	return publishes, subscribes
}

// settle waits until nothing is under way. Meanwhile it does what an operator
// does: it has parked copies sent again.
func (sim *simulation) settle() {
	t := sim.thread("operator")
	what := "no node runs"
	for began := time.Now(); time.Since(began) < settling; {
		t.sleep(2*time.Second, 4*time.Second)
		running := true
		for _, m := range sim.machines {
			running = running && m.at.Load().runs()
		}
		if !running {
			continue
		}
		n := sim.machines[0].at.Load()
		if what = sim.book.unsettled(n.db); what == "" {
			what = sim.retry(t, n)
		}
		if what == "" {
			t.log("settled")
			return
		}
	}
	sim.book.wrong("not settled: %s", what)
}

// retry has parked copies sent again, and says whether there were some.
func (sim *simulation) retry(t *thread, n *simNode) string {
	parked, err := n.db.Deliveries(sim.ctx(), store.DeliveryQuery{State: store.Parked, Max: 100})
	for _, d := range parked {
		e := audit.Entry{At: time.Now(), Action: audit.ActionRetryDelivery, Object: d.ID}
		err := front{n.db, n}.RetryDelivery(on(sim.ctx(), t), d.ID, time.Now(), e)
		t.log("%s for %s is to be sent again: %s", sim.book.name(d.Event), d.MailboxID, outcome(err))
	}
	if err != nil || len(parked) > 0 {
		return fmt.Sprintf("copies are parked (%v)", err)
	}
	return ""
}

// chaos returns the faults, each in a thread of its own.
func (sim *simulation) chaos() []func(context.Context) {
	var all []func(context.Context)
	for _, m := range sim.machines {
		t, clock := sim.thread("machine"), sim.thread("clock")
		all = append(all, func(ctx context.Context) { sim.restart(ctx, t, m) }, func(ctx context.Context) { m.jump(ctx, clock) })
	}
	away, moves, reports, points := sim.thread("directory"), sim.thread("patients"), sim.thread("MESH"), sim.thread("checkpoints")
	if sim.drive != nil {
		room := sim.thread("room")
		all = append(all, func(ctx context.Context) { sim.drive.runOut(ctx, room) })
	}
	return append(all,
		func(ctx context.Context) { sim.leave(ctx, away) },
		func(ctx context.Context) { sim.move(ctx, moves) },
		func(ctx context.Context) { sim.giveUp(ctx, reports) },
		func(ctx context.Context) { sim.watch(ctx, points) })
}

// restart sometimes ends a machine's node, mostly by a crash, and starts
// another.
func (sim *simulation) restart(ctx context.Context, t *thread, m *machine) {
	for t.wait(ctx, t.between(time.Second, 10*time.Second)) == nil {
		n := m.at.Load()
		switch {
		case t.happens(12):
			n.crash(t)
		case t.happens(4):
			n.leave(t)
		}
		if !n.runs() {
			t.sleep(100*time.Millisecond, 3*time.Second)
			n.ended.Wait()
			t.sleep(time.Millisecond, 2*time.Millisecond)
			sim.start(m)
			t.log("%s starts", m.at.Load().name)
		}
	}
}

// jump sometimes sets a machine's clock.
func (m *machine) jump(ctx context.Context, t *thread) {
	for t.wait(ctx, t.between(5*time.Second, time.Minute)) == nil {
		if t.happens(50) {
			m.offset.Store(int64(t.between(-5*time.Minute, 5*time.Minute)))
			t.log("machine %d: the clock jumps", m.number)
		}
	}
}

// runOut makes a drive full for a while.
func (d *drive) runOut(ctx context.Context, t *thread) {
	for t.wait(ctx, t.between(10*time.Second, time.Minute)) == nil {
		if t.happens(30) {
			d.fill(true)
			t.log("the drive is full")
			t.sleep(time.Second, 5*time.Second)
			d.fill(false)
			t.log("there is room again")
		}
	}
}

// giveUp sometimes makes the MESH report that it gives up on a copy.
func (sim *simulation) giveUp(ctx context.Context, t *thread) {
	for t.wait(ctx, t.between(5*time.Second, time.Minute)) == nil {
		if t.happens(50) {
			sim.mesh.report(t)
		}
	}
}

// leave makes the patient directory unreachable for a while.
func (sim *simulation) leave(ctx context.Context, t *thread) {
	for t.wait(ctx, t.between(5*time.Second, 40*time.Second)) == nil {
		if t.happens(80) {
			sim.pds.setAway(true)
			t.log("away")
			t.sleep(time.Second, 10*time.Second)
			sim.pds.setAway(false)
			t.log("back")
		}
	}
}

// move changes patients' practices, and sometimes flags a patient for a while.
func (sim *simulation) move(ctx context.Context, t *thread) {
	for t.wait(ctx, t.between(3*time.Second, 30*time.Second)) == nil {
		who, where, flagged := people[t.below(len(people))].NHSNumber, practices[t.below(len(practices))], t.happens(15)
		sim.pds.change(who, func(p *directory.Patient) { p.GP, p.Sensitive = nhs.ODSCode(where), flagged })
		t.log("a patient is at %s, flagged %v", where, flagged)
	}
}

// watch takes checkpoints of the audit: nothing before a checkpoint may change.
func (sim *simulation) watch(ctx context.Context, t *thread) {
	for t.wait(ctx, 15*time.Second) == nil && !sim.isHealed() {
		n := sim.machines[0].at.Load()
		if !n.runs() {
			continue
		}
		heads, err := n.db.Heads(ctx)
		if err != nil {
			sim.book.wrong("the heads of the audit cannot be read: %v", err)
		}
		sim.book.mu.Lock()
		sim.book.checkpoints = append(sim.book.checkpoints, audit.Checkpoint{At: time.Now(), Heads: heads})
		sim.book.mu.Unlock()
	}
}

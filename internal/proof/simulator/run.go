package simulator

import (
	"context"
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
	// settling is how long everything may take to come right once the faults
	// are healed.
	settling = 20 * time.Minute
)

// parts are what all runs share: they do not change.
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
// clock it uses up.
func Run(c Config) Outcome {
	sim := &simulation{Config: c, began: time.Now(), disk: newDisk(), hash: 14695981039346656037}
	sim.book = &book{sim: sim, downloaded: map[string]bool{}}
	sim.pds, sim.mesh = newPDS(sim), newMESH(sim)
	p, err := shared()
	if err != nil {
		return Outcome{Violations: []string{err.Error()}}
	}
	sim.live(p)
	sim.book.check()
	return Outcome{
		Hash: sim.hash, Lines: sim.lines, Violations: sim.book.violations,
		Events: len(sim.disk.events), Copies: len(sim.disk.copies), Unknown: sim.unknown, Crashes: sim.crashes,
	}
}

func (sim *simulation) ctx() context.Context { return context.Background() }

// live lets the simulation go wrong, heals it and waits until it has settled.
func (sim *simulation) live(p parts) {
	for i := range sim.nodes {
		sim.nodes[i] = &machine{number: i + 1}
		sim.start(sim.nodes[i], p.types, p.dev)
	}
	background, stop := context.WithCancel(context.Background())
	var around, acting sync.WaitGroup
	for _, b := range boxes[:3] {
		c := &collector{sim.thread("collector " + b.ID), b}
		around.Go(func() { c.run(background) })
	}
	for _, chaos := range sim.chaos(p) {
		around.Go(func() { chaos(background) })
	}
	publishes, subscribes := systems()
	for i := range publishers {
		a := sim.publisher(i+1, publishes, p.types)
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
	for _, s := range sim.nodes {
		n := s.at.Load()
		n.stop()
		n.ended.Wait()
	}
	sim.mesh.late.Wait()
}

// systems are who publishes and who subscribes.
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

// settle waits until nothing is under way, and does meanwhile what an operator
// does: have parked copies sent again.
func (sim *simulation) settle() {
	t := sim.thread("operator")
	for began := time.Now(); time.Since(began) < settling; {
		t.sleep(time.Second, 2*time.Second)
		sim.disk.mu.Lock()
		for _, c := range sim.disk.copies {
			if c.State == store.Parked {
				c.State, c.Refusals, c.First = store.Waiting, 0, time.Time{}
			}
		}
		sim.disk.mu.Unlock()
		running := true
		for _, s := range sim.nodes {
			n := s.at.Load()
			running = running && !n.dead.Load()
		}
		if running && sim.book.unsettled() == "" {
			t.log("settled")
			return
		}
	}
}

// chaos is what goes wrong, each in a thread of its own.
func (sim *simulation) chaos(p parts) []func(context.Context) {
	var all []func(context.Context)
	for _, s := range sim.nodes {
		t := sim.thread("machine")
		all = append(all, func(ctx context.Context) { sim.restart(ctx, t, s, p) })
		clock := sim.thread("clock")
		all = append(all, func(ctx context.Context) {
			for clock.wait(ctx, clock.between(5*time.Second, time.Minute)) == nil {
				if clock.happens(50) {
					s.offset.Store(int64(clock.between(-5*time.Minute, 5*time.Minute)))
					clock.log("machine %d: the clock jumps", s.number)
				}
			}
		})
	}
	away, moves, reports, points := sim.thread("directory"), sim.thread("patients"), sim.thread("MESH"), sim.thread("checkpoints")
	return append(all,
		func(ctx context.Context) { sim.leave(ctx, away) },
		func(ctx context.Context) { sim.move(ctx, moves) },
		func(ctx context.Context) {
			for reports.wait(ctx, reports.between(5*time.Second, time.Minute)) == nil {
				if reports.happens(50) {
					sim.mesh.report(reports)
				}
			}
		},
		func(ctx context.Context) { sim.watch(ctx, points) })
}

// restart crashes a machine's node now and then, and starts another.
func (sim *simulation) restart(ctx context.Context, t *thread, s *machine, p parts) {
	for t.wait(ctx, t.between(time.Second, 10*time.Second)) == nil {
		n := s.at.Load()
		if t.happens(12) {
			n.crash(t)
		}
		if n.dead.Load() {
			t.sleep(100*time.Millisecond, 3*time.Second)
			n.ended.Wait()
			t.sleep(time.Millisecond, 2*time.Millisecond)
			sim.start(s, p.types, p.dev)
			t.log("%s starts", s.at.Load().name)
		}
	}
}

// leave takes the patient directory away for a while.
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

// move changes patients' practices, and flags one now and then for a while.
func (sim *simulation) move(ctx context.Context, t *thread) {
	for t.wait(ctx, t.between(3*time.Second, 30*time.Second)) == nil {
		who, where, flagged := people[t.below(len(people))].NHSNumber, practices[t.below(len(practices))], t.happens(15)
		sim.pds.change(who, func(p *directory.Patient) { p.GP, p.Sensitive = nhs.ODSCode(where), flagged })
		t.log("a patient is at %s, flagged %v", where, flagged)
	}
}

// watch takes checkpoints of the audit: nothing before one may change.
func (sim *simulation) watch(ctx context.Context, t *thread) {
	for t.wait(ctx, 15*time.Second) == nil && !sim.isHealed() {
		sim.disk.mu.Lock()
		c := audit.Checkpoint{At: time.Now(), Heads: sim.disk.heads()}
		sim.disk.mu.Unlock()
		sim.book.mu.Lock()
		sim.book.checkpoints = append(sim.book.checkpoints, c)
		sim.book.mu.Unlock()
	}
}

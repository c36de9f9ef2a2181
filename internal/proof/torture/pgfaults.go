//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"nems/internal/crashpoint"
	"nems/internal/pgserver"
)

// postgresFaults are the faults of two nodes over one PostgreSQL, in the order in
// which they run.
var postgresFaults = append([]fault{
	{name: "kill-9", round: nodeKilled},
	{name: "rolled", round: rolled, orderly: true},
	{name: "answers-lost", round: answersLost, most: 10},
	{name: "past-lease", round: pastLease, most: 20},
	{name: "mesh-dropped", round: lineFault(dropped), most: 10},
	{name: "mesh-slow", round: lineFault(slow), most: 10},
	{name: "mesh-reset", round: lineFault(reset), most: 10},
	{name: "database-killed", round: databaseKilled, most: 50},
	{name: "database-cut", round: wireFault(time.Second, wireImpairment{cut: true}), most: 50},
	{name: "database-slow", round: wireFault(3*time.Second, wireImpairment{late: farAway}), most: 20},
	{name: "database-throttled", round: wireFault(3*time.Second, wireImpairment{rate: 64 << 10}), most: 20},
	{name: "database-half-open", round: wireFault(2*time.Second, wireImpairment{vanish: true}), most: 10, within: time.Minute},
	{name: "failover", alone: failedOver},
	{name: "cancelled-wait", alone: waitsCancelled},
	{name: "channels", alone: channels},
	{name: "overload", alone: overload()},
	{name: "allowance", alone: overload("--rate-limit", "1000")},
	{name: "latency-5s", alone: impaired(&impairment{latency: 5 * time.Second})},
	{name: "partition", alone: impaired(&impairment{stalled: true})},
	{name: "disk-full", alone: baseFull},
}, postgresPoints()...)

// nodeKilled kills one node at a random moment; the other continues.
func nodeKilled(dep *deployment) error {
	dep.wait(200*time.Millisecond + time.Duration(dep.r.random()%700)*time.Millisecond)
	p := dep.anyNode()
	p.kill()
	return dep.revive(p)
}

// anyNode returns a random node.
func (dep *deployment) anyNode() *process { return dep.nodes[dep.r.random()%uint64(len(dep.nodes))] }

// databaseKilled kills the database server, and starts it again.
func databaseKilled(dep *deployment) error {
	dep.wait(200*time.Millisecond + time.Duration(dep.r.random()%700)*time.Millisecond)
	dep.base.primary.Kill()
	dep.healed = time.Now()
	return dep.base.primary.Start()
}

// pastLease halts a node while it sends, lets its claims lapse and the other
// node take over, and lets it continue. What the node then reports comes too
// late. The claims are made to lapse in the database, whose clock they use.
func pastLease(dep *deployment) error {
	late := fate(slow)
	dep.line.fate.Store(&late)
	dep.wait(500 * time.Millisecond)
	p := dep.anyNode()
	p.signal(syscall.SIGSTOP)
	dep.wait(200 * time.Millisecond)
	_, err := ask(dep.base.primary, database, "UPDATE lane SET expires = 0 WHERE owner <> ''")
	dep.wait(time.Second)
	dep.line.fate.Store(nil)
	dep.wait(time.Second)
	p.signal(syscall.SIGCONT)
	dep.healed = time.Now()
	dep.wait(300 * time.Millisecond)
	stale := 0
	for _, p := range dep.nodes {
		stale += p.said("another node has taken over")
	}
	dep.note = fmt.Sprintf("%d completions came too late and were refused", stale)
	return err
}

// postgresPoints returns a fault for every crash point. Some are passed only by
// the node that has claimed a mailbox; for those, one node runs alone until it
// dies.
func postgresPoints() []fault {
	all := points()
	for i, f := range all {
		switch f.name {
		case crashpoint.Migrate:
			all[i].alone = baseMigrateKilled
		case crashpoint.BeforeCommit, crashpoint.AfterCommit, crashpoint.SpreadStep:
			// every node passes them
		default:
			all[i].round = func(dep *deployment) error { return dep.solo(f.round) }
		}
	}
	return all
}

// solo runs a round with only the first node. The round restarts this node,
// which ends in an orderly way too, because a killed one would keep its
// mailbox.
func (dep *deployment) solo(round func(*deployment) error) error {
	for _, p := range dep.nodes {
		if err := p.stop(); err != nil {
			return err
		}
	}
	err := round(dep)
	for _, p := range dep.nodes[1:] {
		err = errors.Join(err, p.start())
	}
	return err
}

// baseMigrateKilled kills a node while it makes the first schema of a database:
// at the crash point, and at a random moment.
func baseMigrateKilled(r *run) (line row, err error) {
	b, err := newBase()
	if err != nil {
		return line, err
	}
	defer b.close()
	for ; line.Rounds < 4; line.Rounds++ {
		if _, err := ask(b.primary, "postgres", "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)", "CREATE DATABASE "+database); err != nil {
			return line, err
		}
		p, err := newProcess(r.binary, filepath.Join(r.folder, fmt.Sprint("migrate", line.Rounds)))
		if err != nil {
			return line, err
		}
		p.database = b.primary.DSN("postgres", database)
		if line.Rounds%2 == 0 {
			if err := p.start(fmt.Sprintf("%s=%s", crashpoint.Variable, crashpoint.Migrate)); !errors.Is(err, errNotReady) {
				p.kill()
				return line, fmt.Errorf("the crash point %s was not reached: %v", crashpoint.Migrate, err)
			}
		} else {
			usual := p.patience
			p.patience = time.Duration(20+r.random()%150) * time.Millisecond
			_ = p.start() // it may have been quicker
			p.kill()
			p.patience = usual
		}
		began := time.Now()
		if err := p.start(); err != nil {
			return line, err
		}
		line.Slowest = max(line.Slowest, time.Since(began))
		if err := errors.Join(p.stop(), p.verifyAudit()); err != nil {
			return line, err
		}
	}
	return line, nil
}

// baseDisk leaves room for a cluster, its log and what is written in a minute.
const baseDisk = "640m"

// baseFull fills the disk that holds the database and gives the space back. The
// server may end meanwhile; then it is started again, as its operator would.
func baseFull(r *run) (line row, err error) {
	disk := filepath.Join(os.TempDir(), filepath.Base(filepath.Dir(r.folder))+"-disk") // the server may not read this program's folder
	if err := os.Mkdir(disk, 0o755); err != nil {
		return line, err
	}
	defer os.RemoveAll(disk)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+baseDisk); err != nil {
		line.Note = "cannot run here: mounting a tmpfs: " + err.Error()
		return line, nil
	}
	defer func() { err = errors.Join(err, syscall.Unmount(disk, syscall.MNT_DETACH)) }()
	return r.fillBase(disk)
}

// fillBase runs a database on a small disk, and fills the disk.
func (r *run) fillBase(disk string) (line row, err error) {
	data := filepath.Join(disk, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return line, err
	}
	server, err := pgserver.NewIn(data, "max_wal_size=64MB")
	if err != nil {
		return line, err
	}
	b, err := serve(server)
	if err != nil {
		return line, err
	}
	dep, err := r.newDeploymentOn(filepath.Join(r.folder, "full"), b)
	if err != nil {
		return line, err
	}
	defer dep.end()
	dep.ledger.begin("disk", leeds, national)
	ended, during := 0, probes{}
	for began := time.Now(); line.Rounds == 0 || time.Since(began) < r.each && line.Rounds < 20; line.Rounds++ {
		dep.startLoad()
		err := dep.fillAndFree(filepath.Join(disk, "ballast"), &ended, &during)
		dep.endLoad()
		if err != nil {
			return line, err
		}
	}
	if during.accepted == during.made {
		return line, errHarmless
	}
	line.Note = fmt.Sprintf("PostgreSQL ended for want of space in %d rounds; %d of %d probes answered 202 while the disk was full", ended, during.accepted, during.made)
	return dep.finish(line)
}

// fillAndFree is one round of baseFull.
func (dep *deployment) fillAndFree(ballast string, ended *int, during *probes) error {
	dep.wait(500 * time.Millisecond)
	if err := fill(ballast); err != nil {
		return err
	}
	dep.wait(settled)
	dep.probe(time.Second, during)
	if err := os.Remove(ballast); err != nil {
		return err
	}
	dep.healed = time.Now()
	if !dep.base.primary.Runs() {
		*ended++
		if err := dep.base.primary.Start(); err != nil {
			return err
		}
	}
	return dep.recover(recoverWithin)
}

//go:build linux

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"nems/internal/crashpoint"
)

// faults are all the faults of SQLite, in the order in which they run. A new
// one is one line here and one function.
var faults = append([]fault{
	{name: "kill-9", round: killed},
	{name: "stopped", round: stopped, most: 3},
	{name: "rolled", round: rolled, orderly: true},
	{name: "answers-lost", round: answersLost, most: 10},
	{name: "mesh-dropped", round: lineFault(dropped), most: 10},
	{name: "mesh-slow", round: lineFault(slow), most: 10},
	{name: "mesh-reset", round: lineFault(reset), most: 10},
	{name: "half-open", alone: impaired(nil)},
	{name: "throttled", alone: impaired(&impairment{rate: 1 << 10})},
	{name: "latency-5s", alone: impaired(&impairment{latency: 5 * time.Second})},
	{name: "partition", alone: impaired(&impairment{stalled: true})},
	{name: "disk-full", alone: diskFull},
	{name: "failing-writes", alone: failingWrites},
	{name: "failing-disk", alone: failingDisk},
	{name: "overload", alone: overload()},
	{name: "allowance", alone: overload("--rate-limit", "1000")},
	{name: "backups", alone: backups},
	{name: "clock", alone: clockSteps},
	{name: "mesh-away-6d", alone: meshAway},
	{name: "poison", alone: poisonCopies},
	{name: "uncollected", alone: uncollected},
	{name: "channels", alone: channels},
	{name: "damaged-file", alone: damaged},
	{name: "power-cut", alone: powerCut},
}, points()...)

// errHarmless says that a fault had no effect, so that its round shows nothing.
var errHarmless = errors.New("the fault hit nothing: it shows nothing")

// killed kills the process at a random moment.
func killed(dep *deployment) error {
	dep.wait(200*time.Millisecond + time.Duration(dep.r.random()%700)*time.Millisecond)
	dep.here.kill()
	return dep.restart()
}

// stopped halts the process for a while, as a hypervisor does.
func stopped(dep *deployment) error {
	dep.wait(300 * time.Millisecond)
	dep.here.signal(syscall.SIGSTOP)
	dep.wait(3 * time.Second)
	dep.here.signal(syscall.SIGCONT)
	return nil
}

// points returns a fault for every crash point that the load of a deployment reaches.
func points() []fault {
	var out []fault
	for _, name := range crashpoint.Names {
		f := fault{name: name, most: 3}
		switch name {
		case crashpoint.Migrate:
			f.alone = migrateKilled
		case crashpoint.Checkpoint:
			f.round = func(dep *deployment) error { return dep.diesAt(name, dep.terminate) }
		case crashpoint.DeadLetter:
			f.round = func(dep *deployment) error { return dep.diesAt(name, dep.poison) }
		case crashpoint.SpreadStep:
			f.alone = spreadKilled
		case crashpoint.Report:
			continue // reached after five days: tested by uncollected
		case crashpoint.Learn:
			continue // reached by events of the Spine: tested in package node
		case crashpoint.ReplayStep:
			continue // reached when somebody asks for a replay: tested in package node
		default:
			f.round = func(dep *deployment) error { return dep.diesAt(name, nil) }
		}
		out = append(out, f)
	}
	return out
}

// diesAt restarts the process so that it dies at a crash point, after a random
// number of passages, and then starts it as usual.
func (dep *deployment) diesAt(point string, provoke func() error) error {
	dep.here.kill()
	nth := 1
	if provoke == nil {
		nth += int(dep.r.random() % passages(point))
	}
	if err := dep.here.start(fmt.Sprintf("%s=%s:%d", crashpoint.Variable, point, nth)); err != nil && !errors.Is(err, errNotReady) {
		return err
	}
	if provoke != nil {
		// What an earlier round has left may already have led there.
		if err := provoke(); err != nil && !dep.here.endsWithin(time.Second) {
			return err
		}
	}
	if !dep.here.endsWithin(15 * time.Second) {
		return fmt.Errorf("the crash point %s:%d was not reached", point, nth)
	}
	if status, ok := dep.here.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("crash point %s: nems ended with %s", point, dep.here.cmd.ProcessState)
	}
	dep.here.http.CloseIdleConnections()
	return dep.restart()
}

// passages is the number of passages of a crash point from which one is chosen.
// A commit is passed once for every few publishes, a send for each copy, a
// release for each fifty copies.
func passages(point string) uint64 {
	switch point {
	case crashpoint.BeforeCommit, crashpoint.AfterCommit:
		return 200
	case crashpoint.BeforeRelease, crashpoint.SpreadStep:
		return 4
	}
	return 30
}

// terminate asks for an orderly end, during which the audit is signed.
func (dep *deployment) terminate() error {
	dep.wait(200 * time.Millisecond)
	dep.here.signal(syscall.SIGTERM)
	return nil
}

// migrateKilled kills the process while it makes its first database.
func migrateKilled(r *run) (row, error) {
	var line row
	for ; line.Rounds < 3; line.Rounds++ {
		p, err := newProcess(r.binary, filepath.Join(r.folder, fmt.Sprintf("migrate%d", line.Rounds)))
		if err != nil {
			return line, err
		}
		if err := p.start(fmt.Sprintf("%s=%s:%d", crashpoint.Variable, crashpoint.Migrate, line.Rounds%2+1)); err == nil {
			p.kill()
			return line, fmt.Errorf("the crash point %s was not reached", crashpoint.Migrate)
		}
		began := time.Now()
		if err := p.start(); err != nil {
			return line, err
		}
		line.Slowest = max(line.Slowest, time.Since(began))
		if err := p.stop(); err != nil {
			return line, err
		}
		if err := p.verifyAudit(); err != nil {
			return line, err
		}
	}
	return line, nil
}

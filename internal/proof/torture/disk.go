//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// tmpfsSize leaves room for the log of SQLite, 64 MiB, and for what is written in a minute.
const tmpfsSize = "256m"

// diskFull fills the disk that holds the database and gives the space back.
func diskFull(r *run) (line row, err error) {
	folder := filepath.Join(r.folder, "full")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return line, err
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+tmpfsSize); err != nil {
		line.Note = "cannot run here: mounting a tmpfs: " + err.Error()
		return line, nil
	}
	defer func() { err = errors.Join(err, syscall.Unmount(folder, syscall.MNT_DETACH)) }()
	ballast := filepath.Join(folder, "ballast")
	line, during, err := r.failing(folder, func(*deployment) error { return fill(ballast) }, func(*deployment) error { return os.Remove(ballast) })
	if err == nil && during.accepted == during.made { // the space that the log already has is enough for some
		err = errHarmless
	}
	return line, err
}

// fill writes a file until no more bytes fit.
func fill(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// failingWrites makes every write of the process fail with EFBIG for a while.
func failingWrites(r *run) (line row, err error) {
	limit := func(soft string) func(*deployment) error {
		return func(dep *deployment) error {
			out, err := exec.Command("prlimit", "--pid", strconv.Itoa(dep.here.cmd.Process.Pid), "--fsize="+soft+":unlimited").CombinedOutput()
			if err != nil {
				return fmt.Errorf("prlimit: %w: %s", err, out)
			}
			return nil
		}
	}
	if _, err := exec.LookPath("prlimit"); err != nil {
		return row{Note: "cannot run here: " + err.Error()}, nil
	}
	line, during, err := r.failing(filepath.Join(r.folder, "limited"), limit("1"), limit("unlimited"))
	if err == nil && during.accepted > 0 {
		err = fmt.Errorf("%d publishes that began after writes failed are answered 202", during.accepted)
	}
	return line, err
}

// probes are publishes that began while a disk failed.
type probes struct{ made, accepted int }

// probe publishes for a while.
func (dep *deployment) probe(span time.Duration, during *probes) {
	for until := time.Now().Add(span); time.Now().Before(until); dep.wait(10 * time.Millisecond) {
		if during.made++; dep.publish(dep.good) == accepted {
			during.accepted++
		}
	}
}

// settled is how long after a disk has begun to fail a publish may still be
// answered 202, because it was under way.
const settled = 500 * time.Millisecond

// failing makes the disk of a deployment fail and work again, under load. The
// process has to recover without help.
func (r *run) failing(folder string, inject, heal func(*deployment) error) (line row, during probes, err error) {
	dep, err := r.newDeployment(folder)
	if err != nil {
		return line, during, err
	}
	defer dep.end()
	dep.ledger.begin("disk", leeds, national)
	for began := time.Now(); line.Rounds == 0 || time.Since(began) < r.each && line.Rounds < 20; line.Rounds++ {
		dep.startLoad()
		dep.wait(500 * time.Millisecond)
		err := inject(dep)
		if err == nil {
			dep.wait(settled)
			dep.probe(time.Second, &during)
			dep.healed = time.Now()
			err = errors.Join(heal(dep), dep.recover(recoverWithin))
		}
		dep.endLoad()
		if err != nil {
			return line, during, err
		}
	}
	line.Note = fmt.Sprintf("%d of %d probes answered 202 while the disk failed", during.accepted, during.made)
	line, err = dep.finish(line)
	return line, during, err
}

// failingDisk makes the disk that holds the database fail in several ways, one
// after the other. The process may end instead of recovering by itself, if it
// says why.
func failingDisk(r *run) (line row, err error) {
	disk, err := newFlakyDisk(filepath.Join(r.folder, "flaky"))
	if err != nil {
		line.Note = "cannot run here: mounting FUSE: " + err.Error()
		return line, nil
	}
	defer func() { err = errors.Join(err, disk.unmount()) }()
	dep, err := r.newDeployment(disk.at)
	if err != nil {
		return line, err
	}
	defer dep.end()
	dep.ledger.begin("disk", leeds, national)
	var sums brokenDisk
	for began := time.Now(); line.Rounds < len(breakages) || time.Since(began) < r.each && line.Rounds < 5000; line.Rounds++ {
		b := breakages[line.Rounds%len(breakages)]
		dep.startLoad()
		err := dep.breakDisk(disk, b, &sums)
		dep.endLoad()
		if err == nil && (b.once || r.random()%2 == 0) { // what counts is on the disk, not what is remembered
			err = dep.forgetDisk(disk, &sums)
		}
		if err != nil {
			return line, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	line.Note = fmt.Sprintf("slowest answer of the broken disk %s (limit 1 s), processes ended %d; failed fsyncs dropped %d bytes, of which %d were not written again",
		sums.slowest.Round(time.Millisecond), sums.ended, sums.dropped, sums.forgotten)
	return dep.finish(line)
}

// brokenDisk is the result of the rounds with a broken disk.
type brokenDisk struct {
	slowest                   time.Duration // slowest answer while the disk failed
	ended, dropped, forgotten int
}

// breakDisk breaks the disk for a second, at a random write or fsync under load,
// and heals it.
func (dep *deployment) breakDisk(disk *flakyDisk, b breakage, sums *brokenDisk) error {
	tripped := disk.damage(b, 1+int(dep.r.random()%150))
	defer disk.heal()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case <-tripped:
	case <-timer.C:
		return errors.New("nothing was written for 20 s")
	}
	if b.once { // nothing fails any more: the sooner the process dies now, the less is written again
		dep.wait(time.Duration(dep.r.random()%8000) * time.Microsecond)
		return nil
	}
	for until := time.Now().Add(time.Second); time.Now().Before(until); dep.wait(10 * time.Millisecond) {
		began := time.Now()
		v := dep.publish(dep.good)
		sums.slowest = max(sums.slowest, time.Since(began))
		if v == accepted && !b.short {
			return errors.New("a publish that began after the disk failed is answered 202")
		}
	}
	disk.heal()
	dep.healed = time.Now()
	if dep.here.endsWithin(0) {
		sums.ended++
		if err := dep.restart(); err != nil {
			return err
		}
	}
	return dep.recover(recoverWithin)
}

// forgetDisk kills the process, makes the disk forget what a failed fsync
// dropped, and starts the process again.
func (dep *deployment) forgetDisk(disk *flakyDisk, sums *brokenDisk) error {
	dep.here.kill()
	dropped, forgotten, err := disk.forget()
	sums.dropped, sums.forgotten = sums.dropped+dropped, sums.forgotten+forgotten
	if err == nil {
		err = dep.restart()
	}
	if err == nil {
		err = dep.recover(recoverWithin)
	}
	return err
}

// copyFile copies a file.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

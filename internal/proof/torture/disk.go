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

// tmpfsSize leaves room for the log of SQLite, 64 MiB, and what a minute brings.
const tmpfsSize = "256m"

// diskFull fills the disk under the database and gives the space back.
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
	line, during, err := r.failing(folder, func(*world) error { return fill(ballast) }, func(*world) error { return os.Remove(ballast) })
	if err == nil && during.accepted == during.made { // the room that the log has already does for some
		err = errHarmless
	}
	return line, err
}

// fill writes a file until no byte more fits.
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

// failingWrites lets every write of the process fail with EFBIG for a while.
func failingWrites(r *run) (line row, err error) {
	limit := func(soft string) func(*world) error {
		return func(w *world) error {
			out, err := exec.Command("prlimit", "--pid", strconv.Itoa(w.here.cmd.Process.Pid), "--fsize="+soft+":unlimited").CombinedOutput()
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
func (w *world) probe(span time.Duration, during *probes) {
	for until := time.Now().Add(span); time.Now().Before(until); w.wait(10 * time.Millisecond) {
		if during.made++; w.publish(w.good) == accepted {
			during.accepted++
		}
	}
}

// settled is how long after a disk has begun to fail a publish may still be
// answered 202: it was under way.
const settled = 500 * time.Millisecond

// failing lets the disk of a world fail and work again, under load. The process
// has to recover unaided.
func (r *run) failing(folder string, inject, heal func(*world) error) (line row, during probes, err error) {
	w, err := r.newWorld(folder)
	if err != nil {
		return line, during, err
	}
	defer w.end()
	w.ledger.begin("disk", leeds, national)
	for began := time.Now(); line.Rounds == 0 || time.Since(began) < r.each && line.Rounds < 20; line.Rounds++ {
		w.startLoad()
		w.wait(500 * time.Millisecond)
		err := inject(w)
		if err == nil {
			w.wait(settled)
			w.probe(time.Second, &during)
			w.healed = time.Now()
			err = errors.Join(heal(w), w.recover(recoverWithin))
		}
		w.endLoad()
		if err != nil {
			return line, during, err
		}
	}
	line.Note = fmt.Sprintf("%d of %d probes answered 202 while the disk failed", during.accepted, during.made)
	line, err = w.finish(line)
	return line, during, err
}

// failingDisk breaks the disk under the database in one way after the other. The
// process may end instead of recovering unaided, if it says why.
func failingDisk(r *run) (line row, err error) {
	disk, err := newFlakyDisk(filepath.Join(r.folder, "flaky"))
	if err != nil {
		line.Note = "cannot run here: mounting FUSE: " + err.Error()
		return line, nil
	}
	defer func() { err = errors.Join(err, disk.unmount()) }()
	w, err := r.newWorld(disk.at)
	if err != nil {
		return line, err
	}
	defer w.end()
	w.ledger.begin("disk", leeds, national)
	var sums brokenDisk
	for began := time.Now(); line.Rounds < len(breakages) || time.Since(began) < r.each && line.Rounds < 5000; line.Rounds++ {
		b := breakages[line.Rounds%len(breakages)]
		w.startLoad()
		err := w.breakDisk(disk, b, &sums)
		w.endLoad()
		if err == nil && (b.once || r.random()%2 == 0) { // what is on the disk counts, not what is remembered
			err = w.forgetDisk(disk, &sums)
		}
		if err != nil {
			return line, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	line.Note = fmt.Sprintf("slowest answer of the broken disk %s (limit 1 s), processes ended %d; failed fsyncs dropped %d bytes, of which %d were not written again",
		sums.slowest.Round(time.Millisecond), sums.ended, sums.dropped, sums.forgotten)
	return w.finish(line)
}

// brokenDisk is what rounds with a broken disk came to.
type brokenDisk struct {
	slowest                   time.Duration // answer while the disk failed
	ended, dropped, forgotten int
}

// breakDisk breaks the disk for a second, at some write or fsync under load, and
// heals it.
func (w *world) breakDisk(disk *flakyDisk, b breakage, sums *brokenDisk) error {
	tripped := disk.damage(b, 1+int(w.r.random()%150))
	defer disk.heal()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case <-tripped:
	case <-timer.C:
		return errors.New("nothing was written for 20 s")
	}
	if b.once { // nothing fails any more: the sooner it dies now, the less is written again
		w.wait(time.Duration(w.r.random()%8000) * time.Microsecond)
		return nil
	}
	for until := time.Now().Add(time.Second); time.Now().Before(until); w.wait(10 * time.Millisecond) {
		began := time.Now()
		v := w.publish(w.good)
		sums.slowest = max(sums.slowest, time.Since(began))
		if v == accepted && !b.short {
			return errors.New("a publish that began after the disk failed is answered 202")
		}
	}
	disk.heal()
	w.healed = time.Now()
	if w.here.endsWithin(0) {
		sums.ended++
		if err := w.restart(); err != nil {
			return err
		}
	}
	return w.recover(recoverWithin)
}

// forgetDisk kills the process, lets the disk forget what a failed fsync has
// dropped, and starts the process again.
func (w *world) forgetDisk(disk *flakyDisk, sums *brokenDisk) error {
	w.here.kill()
	dropped, forgotten, err := disk.forget()
	sums.dropped, sums.forgotten = sums.dropped+dropped, sums.forgotten+forgotten
	if err == nil {
		err = w.restart()
	}
	if err == nil {
		err = w.recover(recoverWithin)
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

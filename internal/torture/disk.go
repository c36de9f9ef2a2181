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
	return r.failing(folder, func(*world) error { return fill(ballast) }, func(*world) error { return os.Remove(ballast) })
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
func failingWrites(r *run) (row, error) {
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
	return r.failing(filepath.Join(r.folder, "limited"), limit("1"), limit("unlimited"))
}

// settled is how long after a disk has begun to fail a publish may still be
// answered 202: it was under way.
const settled = 500 * time.Millisecond

// failing lets the disk of a world fail and work again, under load. The process
// has to recover unaided.
func (r *run) failing(folder string, inject, heal func(*world) error) (line row, err error) {
	w, err := r.newWorld(folder)
	if err != nil {
		return line, err
	}
	defer w.end()
	w.ledger.begin("disk", leeds, national)
	during := 0
	for began := time.Now(); line.Rounds == 0 || time.Since(began) < r.each && line.Rounds < 20; line.Rounds++ {
		w.startLoad()
		w.wait(500 * time.Millisecond)
		err := inject(w)
		if err == nil {
			w.wait(settled)
			for until := time.Now().Add(time.Second); time.Now().Before(until); {
				if w.publish(w.good) == accepted {
					during++
				}
				w.wait(10 * time.Millisecond)
			}
			w.healed = time.Now()
			err = errors.Join(heal(w), w.recover(recoverWithin))
		}
		w.endLoad()
		if err != nil {
			return line, err
		}
	}
	line.Note = fmt.Sprintf("%d probes answered 202 while the disk failed", during)
	return w.finish(line)
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

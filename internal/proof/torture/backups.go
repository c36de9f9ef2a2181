//go:build linux

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"nems/internal/directory/devworld"
	"nems/internal/operator"
)

// mostBackups is the largest number of backups.
const mostBackups = 50

// backups copies the database of a node under load, restores each copy in
// another place and serves it there. Everything that was acknowledged before a
// backup began must be in it.
func backups(r *run) (line row, err error) {
	dep, err := r.newDeployment(filepath.Join(r.folder, "backups"))
	if err != nil {
		return line, err
	}
	defer dep.end()
	for began := time.Now(); line.Rounds == 0 || time.Since(began) < r.each && line.Rounds < mostBackups; line.Rounds++ {
		missing, err := dep.backup(line.Rounds)
		if err != nil {
			return line, err
		}
		line.Missing += missing
	}
	return dep.finish(line)
}

// backup is one round. Its copies are kept in a mailbox of their own, from which
// nobody collects before the end.
func (dep *deployment) backup(n int) (missing int, err error) {
	box := fmt.Sprint("RR8SAVE", n)
	if err := dep.here.putMailboxes(operator.Mailbox{ID: box, ODS: "RR8", Password: devworld.Password}); err != nil {
		return 0, err
	}
	id, err := dep.subscribe(aboutJack, box)
	if err != nil {
		return 0, err
	}
	dep.wide = append(dep.wide, box)
	dep.ledger.begin(box, leeds, national, box)
	dep.startLoad()
	dep.wait(300 * time.Millisecond)
	before := dep.ledger.accepted(box)
	if len(before) == 0 {
		dep.endLoad()
		return 0, errHarmless
	}
	saved := filepath.Join(dep.r.folder, box)
	defer os.RemoveAll(saved)
	err = dep.command("backup", saved+"/copy", "--data", dep.here.data)
	dep.endLoad()
	if err = errors.Join(err, dep.unsubscribe(id)); err != nil {
		return 0, err
	}
	restored, err := dep.restore(saved, box)
	if err != nil {
		return 0, err
	}
	for _, d := range before {
		if !restored[d] {
			missing++
		}
	}
	return missing, nil
}

// restore makes a node from a backup, checks it and empties its mailbox.
func (dep *deployment) restore(saved, box string) (map[digest]bool, error) {
	p, err := newProcess(dep.r.binary, saved+"/data")
	if err != nil {
		return nil, err
	}
	err = errors.Join(dep.command("restore", saved+"/copy", "--data", p.data), dep.command("check", "--data", p.data))
	if err == nil {
		err = p.start()
	}
	if err != nil {
		return nil, err
	}
	defer p.kill()
	got := map[digest]bool{}
	err = p.empty(box, func(_ string, body []byte) { got[sha256.Sum256(body)] = true })
	if err == nil {
		err = errors.Join(p.stop(), p.verifyAudit())
	}
	return got, err
}

// command runs another command of nems.
func (dep *deployment) command(args ...string) error {
	out, err := exec.Command(dep.r.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("nems %s: %w\n%s", args[0], err, out)
	}
	return nil
}

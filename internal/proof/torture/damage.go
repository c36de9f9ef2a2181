//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
)

// damaged flips bits and tears sectors in the database of a stopped process.
// The process may refuse to start, and may refuse to hand out a copy, but it
// must not hand out a wrong one. Lost copies are allowed here.
func damaged(r *run) (line row, err error) {
	dep, err := r.newDeployment(filepath.Join(r.folder, "damaged"))
	if err != nil {
		return line, err
	}
	defer dep.end()
	dep.ledger.begin("damaged")
	for range 300 {
		if dep.publish(dep.good) == accepted {
			line.Acknowledged++
		}
	}
	if err := dep.here.stop(); err != nil {
		return line, err
	}
	database := filepath.Join(dep.here.data, "nems.db")
	whole := filepath.Join(r.folder, "whole.db")
	if err := copyFile(whole, database); err != nil {
		return line, err
	}
	refusals, dead := 0, 0
	for began := time.Now(); line.Rounds < 3 || time.Since(began) < r.each && line.Rounds < 1000; line.Rounds++ {
		for _, log := range []string{"-wal", "-shm"} {
			_ = os.Remove(database + log) // from the previous round; they may be missing
		}
		if err := errors.Join(copyFile(database, whole), r.damage(database)); err != nil {
			return line, err
		}
		if err := dep.here.start(); err != nil {
			dead++
			continue
		}
		for _, box := range []string{leeds, national} {
			wrong, refused := dep.inspect(box)
			line.Wrong, refusals = line.Wrong+wrong, refusals+refused
		}
		dep.here.kill()
	}
	if refusals == 0 || dead == line.Rounds {
		return line, errHarmless
	}
	line.Note = fmt.Sprintf("%d downloads or lists refused, %d damaged databases refused at start; copies may be lost here", refusals, dead)
	return line, nil
}

// damage flips bits in eight places of a file and overwrites as many sectors.
func (r *run) damage(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for range 8 {
		var b [1]byte
		at := int64(r.random() % uint64(info.Size()))
		if _, err := f.ReadAt(b[:], at); err != nil {
			return err
		}
		b[0] ^= 1 << (r.random() % 8)
		if _, err := f.WriteAt(b[:], at); err != nil {
			return err
		}
		sector := make([]byte, 512)
		if _, err := f.WriteAt(sector, int64(r.random()%uint64(info.Size()/512))*512); err != nil {
			return err
		}
	}
	return nil
}

// inspect downloads what a mailbox lists. It counts the messages that were not
// published, and the refusals.
func (dep *deployment) inspect(box string) (wrong, refused int) {
	m, err := client.NewMailbox(client.MailboxConfig{URL: dep.here.url, ID: box, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: dep.here.http})
	if err != nil {
		return 0, 1
	}
	ids, err := m.List(context.Background())
	if err != nil {
		return 0, 1
	}
	for _, id := range ids {
		c, err := m.Download(context.Background(), id)
		switch {
		case err != nil:
			refused++
		case dep.ledger.entries[sha256.Sum256(c.Body)] == nil:
			wrong++
		}
	}
	return wrong, refused
}

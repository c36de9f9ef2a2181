//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// random returns a number from the seed. Rounds are made by one goroutine.
func (r *run) random() uint64 {
	if r.dice == nil {
		r.dice = rand.New(rand.NewPCG(r.seed, 7)) //nolint:gosec // chance that can be repeated
	}
	return r.dice.Uint64()
}

// together runs faults one after the other in one deployment, and checks it once, so
// that the claim of a dead process is waited for only once.
func (r *run) together(all []fault) ([]row, error) {
	dep, err := r.newDeployment(filepath.Join(r.folder, "shared"))
	if err != nil {
		return nil, err
	}
	defer dep.end()
	rounds, slowest, notes := map[string]int{}, map[string]time.Duration{}, map[string]string{}
	var wrong []error
	for _, f := range all {
		dep.slowest, dep.note = 0, ""
		began := time.Now()
		for rounds[f.name] == 0 || time.Since(began) < r.each && (f.most == 0 || rounds[f.name] < f.most) {
			if err := dep.round(f); err != nil {
				wrong = append(wrong, named(f.name, err))
				break
			}
			rounds[f.name]++
		}
		slowest[f.name], notes[f.name] = dep.slowest, dep.note
		fmt.Fprintf(r.progress, "%s: %d rounds, slowest recovery %s\n", f.name, rounds[f.name], dep.slowest.Round(time.Millisecond))
		for _, p := range dep.nodes {
			if p.endsWithin(0) { // a round that failed half-way
				wrong = append(wrong, p.start())
			}
		}
	}
	dep.line.fate.Store(nil)
	fmt.Fprintf(r.progress, "collecting; %d copies are on their way\n", dep.ledger.missing())
	began := time.Now()
	wrong = append(wrong, dep.drain())
	fmt.Fprintf(r.progress, "collected within %s\n", time.Since(began).Round(time.Millisecond))
	wrong = append(wrong, dep.verify())
	sums := dep.ledger.sums()
	var rows []row
	for _, f := range all {
		line := sums[f.name]
		line.Fault, line.Rounds, line.Slowest = f.name, rounds[f.name], slowest[f.name]
		line.note(notes[f.name])
		if rows = append(rows, line); f.orderly && line.Unheard > 0 {
			wrong = append(wrong, named(f.name, fmt.Errorf("%d events were stored without an answer", line.Unheard)))
		}
	}
	return rows, errors.Join(wrong...)
}

// finish collects and checks the deployment of one fault.
func (dep *deployment) finish(line row) (row, error) {
	err := errors.Join(dep.drain(), dep.verify())
	for _, sum := range dep.ledger.sums() {
		line.note(sum.Note)
		line.Acknowledged, line.Unheard = line.Acknowledged+sum.Acknowledged, line.Unheard+sum.Unheard
		line.Lost, line.Missing = line.Lost+sum.Lost, line.Missing+sum.Missing
		line.Doubled, line.Repeated, line.Wrong = line.Doubled+sum.Doubled, line.Repeated+sum.Repeated, line.Wrong+sum.Wrong
	}
	line.Slowest = max(line.Slowest, dep.slowest)
	return line, err
}

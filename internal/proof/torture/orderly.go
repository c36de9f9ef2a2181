//go:build linux

package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/client"
)

// endWithin is how long a node may take to end when it is asked to.
const endWithin = 10 * time.Second

// rolled ends a node in an orderly way, under load, and starts it again, as an
// upgrade does. Everybody whose request it stored must have received the
// answer.
func rolled(dep *deployment) error {
	dep.wait(200*time.Millisecond + time.Duration(dep.r.random()%300)*time.Millisecond)
	p := dep.anyNode()
	began := time.Now()
	if err := p.stop(); err != nil {
		return err
	}
	if took := time.Since(began); took > endWithin {
		return fmt.Errorf("it took %s to end", took)
	}
	return dep.revive(p)
}

// resends is how often a publisher sends a message again, at most.
const resends = 50

// answersLost loses answers on their way to publishers. They send the same
// message again with the same idempotency key, to any node. Nobody may get it
// twice.
func answersLost(dep *deployment) error {
	var ways []*process // to the nodes, over bad lines
	f, lost := fate(dropped), int64(0)
	for _, p := range dep.nodes {
		l, err := newLine(p.url)
		if err != nil {
			return err
		}
		defer l.close()
		defer func() { lost += l.spoilt.Load(); dep.note = fmt.Sprintf("%d answers lost in the last round", lost) }()
		l.fate.Store(&f)
		ways = append(ways, &process{url: l.url, http: p.http, now: p.now})
	}
	var all errgroup.Group
	for n := range publishers {
		all.Go(func() error {
			for began := time.Now(); time.Since(began) < 2*time.Second; {
				if err := dep.insist(ways, n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// insist publishes one message until there is an answer, using the ways in
// turn.
func (dep *deployment) insist(ways []*process, first int) error {
	message, d := dep.ledger.issue(dep.good)
	key := client.WithIdempotencyKey(hex.EncodeToString(d[:]))
	for n := range resends {
		if dep.offer(ways[(first+n)%len(ways)], message, d, key) == accepted {
			return nil
		}
	}
	return errors.New("no answer after many tries")
}

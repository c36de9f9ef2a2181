//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/mesh"
)

// publishers is how many connections publish at a time, and collectors how many
// collect from a mailbox.
const (
	publishers = 4
	collectors = 4
)

// startLoad publishes and collects until endLoad.
func (dep *deployment) startLoad() {
	stop := make(chan struct{})
	dep.stopLoad = stop
	for range publishers {
		dep.load.Go(func() {
			for n := 1; open(stop); n++ {
				message := dep.good
				if n%16 == 0 {
					message = dep.bad
				}
				if v := dep.publish(message); v != accepted && v != refused {
					dep.wait(10 * time.Millisecond)
				}
			}
		})
	}
	for _, box := range dep.near() {
		dep.load.Go(func() {
			for open(stop) {
				_ = dep.collect(box, 50) // what fails now is collected later
				dep.wait(10 * time.Millisecond)
			}
		})
	}
}

func (dep *deployment) endLoad() {
	close(dep.stopLoad)
	dep.load.Wait()
}

func open(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}

// publish sends one message and records the answer. If there is another node,
// every second message has an idempotency key, and a message that the first
// node left unanswered is sent to the other node, as a publisher behind a load
// balancer does.
func (dep *deployment) publish(base []byte) verdict {
	message, d := dep.ledger.issue(base)
	n := rand.IntN(len(dep.nodes)) //nolint:gosec // chance, not a secret
	if len(dep.nodes) == 1 || d[0]%2 == 0 {
		return dep.offer(dep.nodes[n], message, d)
	}
	key := client.WithIdempotencyKey(hex.EncodeToString(d[:]))
	v := dep.offer(dep.nodes[n], message, d, key)
	if v == unanswered {
		v = dep.offer(dep.nodes[(n+1)%len(dep.nodes)], message, d, key)
	}
	return v
}

// publishAt sends one message to one node.
func (dep *deployment) publishAt(p *process, base []byte) verdict {
	message, d := dep.ledger.issue(base)
	return dep.offer(p, message, d)
}

func (dep *deployment) offer(p *process, message []byte, d digest, options ...client.PublishOption) verdict {
	c := client.Client{URL: p.url, ASID: "300000000161", ODS: "A83627", NEMS: string(devworld.NEMS), HTTP: p.http, Now: p.now}
	began := time.Now()
	_, err := c.Publish(context.Background(), message, options...)
	v := dep.ledger.told(d, err)
	if v == accepted {
		dep.gap.end(began)
	}
	return v
}

// collect collects up to most messages from a mailbox.
func (dep *deployment) collect(box string, most int) error {
	at := dep.nodes[rand.IntN(len(dep.nodes))] //nolint:gosec // chance, not a secret
	if elsewhere(box) {
		at = dep.there
	}
	m, err := client.NewMailbox(client.MailboxConfig{URL: at.url, ID: box, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: at.http, Now: at.now})
	if err != nil {
		return err
	}
	ctx := context.Background()
	ids, err := m.List(ctx)
	if err != nil {
		return err
	}
	var all errgroup.Group
	all.SetLimit(collectors)
	for _, id := range ids[:min(most, len(ids))] {
		all.Go(func() error { return dep.take(ctx, m, box, id) })
	}
	return all.Wait()
}

// take downloads a copy and acknowledges it. Another collector of the mailbox may
// have done both since it was listed; then the ledger has seen the copy.
func (dep *deployment) take(ctx context.Context, m *client.Mailbox, box, id string) error {
	taken := dep.ledger.wasTaken(box, id)
	c, err := m.Download(ctx, id)
	if isGone(err) && dep.ledger.hasSeen(box, id) {
		return nil
	}
	if err != nil {
		return err
	}
	if taken {
		dep.ledger.cameBack()
	}
	dep.ledger.received(box, id, c.Body)
	if err = m.Acknowledge(ctx, id); err == nil {
		dep.ledger.took(box, id)
	}
	return err
}

// isGone reports whether a MESH answered that a message was acknowledged before.
func isGone(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && e.Status == http.StatusGone
}

// settleWithin is how long drain waits, without another missing copy arriving, before it
// gives up. A process that was killed keeps the claim of a mailbox for two minutes, and the
// courier leaves a MESH that failed alone for half a minute.
const settleWithin = 160 * time.Second

// drain collects until no copy is missing and mailboxes stay empty.
func (dep *deployment) drain() error {
	boxes := append([]string{leeds, national}, dep.wide...)
	for n := range dep.remoteRounds() {
		boxes = append(boxes, remoteBox(n+1))
	}
	least, until := dep.ledger.missing(), time.Now().Add(settleWithin)
	for {
		var all errgroup.Group
		all.SetLimit(publishers)
		for _, box := range boxes {
			all.Go(func() error {
				if err := dep.collect(box, 500); err != nil {
					return fmt.Errorf("collecting from %s: %w", box, err)
				}
				return nil
			})
		}
		if dep.also != nil {
			all.Go(dep.also)
		}
		err := all.Wait() // the error may be that of a connection that its server has just closed
		missing := dep.ledger.missing()
		if missing < least { // a backlog takes time
			least, until = missing, time.Now().Add(settleWithin)
		}
		if err != nil && time.Now().After(until) {
			return err
		}
		if err == nil && (missing == 0 || time.Now().After(until)) {
			break
		}
		dep.wait(20 * time.Millisecond)
	}
	for _, box := range boxes { // copies beyond what is expected
		for range 3 {
			if err := dep.collect(box, 500); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify stops the deployment in an orderly way and checks its audits.
func (dep *deployment) verify() error {
	all := append(slices.Clone(dep.nodes), dep.there)
	var wrong []error
	for _, p := range all {
		wrong = append(wrong, p.stop())
	}
	for _, p := range all {
		wrong = append(wrong, p.verifyAudit())
	}
	return errors.Join(wrong...)
}

// remoteBox returns the mailbox of a round at the other MESH.
func remoteBox(round int) string { return fmt.Sprint(remotePrefix, round) }

const remotePrefix = "RR8T"

// elsewhere reports whether a mailbox is at the other MESH.
func elsewhere(box string) bool { return strings.HasPrefix(box, remotePrefix) }

// near returns the mailboxes that are emptied under load.
func (dep *deployment) near() []string {
	if dep.remote == "" {
		return []string{leeds, national}
	}
	return []string{leeds, national, dep.remote}
}

// remoteRounds returns how many rounds had a mailbox at the other MESH.
func (dep *deployment) remoteRounds() int {
	if dep.remote == "" {
		return 0
	}
	return dep.rounds
}

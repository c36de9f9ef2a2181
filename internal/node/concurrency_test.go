package node_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"nems/client"
	"nems/internal/node/nodetest"
)

// patients have subscriptions that are created and deleted concurrently.
var patients = []string{nodetest.Jack, nodetest.Alex, "9990000131", "9990000182"}

const rounds = 50 // of each patient

// TestSubscribeThenPublish subscribes on one connection, and publishes on
// another as soon as the 201 arrives. Then it deletes the subscription, and
// publishes as soon as that is answered. The first publish must always make a
// copy, the second never.
func TestSubscribeThenPublish(t *testing.T) {
	s := nodetest.Boot(t)
	var wg sync.WaitGroup
	all := make([]lane, len(patients))
	for n, patient := range patients {
		all[n] = lane{s, patient, nodetest.Message(t, "vaccinations-1", "new", patient)}
		subscriber, publisher := connection(t), connection(t)
		wg.Go(func() {
			if err := all[n].run(subscriber, publisher); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, c := range s.Collect(leeds) {
		seen[string(c.Body)]++
	}
	missed, ghosts := 0, 0
	for _, l := range all {
		for round := range rounds {
			if seen[string(l.say(round, "heard"))] != 1 {
				missed++
			}
			if seen[string(l.say(round, "unheard"))] != 0 {
				ghosts++
			}
		}
	}
	if missed > 0 || ghosts > 0 {
		t.Errorf("of %d publishes right after a 201, %d did not make one copy; of as many right after a delete, %d made one",
			len(patients)*rounds, missed, ghosts)
	}
}

// lane is one patient's subscriptions and messages.
type lane struct {
	s       *nodetest.Server
	patient string
	base    []byte
}

// say returns a message that differs from all others by a comment.
func (l lane) say(round int, word string) []byte {
	return fmt.Appendf(bytes.Clone(l.base), "<!-- %d %s -->", round, word)
}

// run repeatedly subscribes, publishes, deletes and publishes.
func (l lane) run(one, other *http.Client) error {
	ctx := context.Background()
	subscriber, publisher := l.s.Leeds(), l.s.Publisher()
	subscriber.HTTP, publisher.HTTP = one, other
	for round := range rounds {
		created, err := subscriber.Subscribe(ctx, client.Subscription{Criteria: about(l.patient) + vaccinations, Mailbox: leeds, Reason: "A test"})
		if err != nil {
			return err
		}
		if _, err := publisher.Publish(ctx, l.say(round, "heard")); err != nil {
			return err
		}
		if err := subscriber.Unsubscribe(ctx, created.ID); err != nil {
			return err
		}
		if _, err := publisher.Publish(ctx, l.say(round, "unheard")); err != nil {
			return err
		}
	}
	return nil
}

// connection returns a client with a connection of its own.
func connection(t *testing.T) *http.Client {
	transport := &http.Transport{MaxConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

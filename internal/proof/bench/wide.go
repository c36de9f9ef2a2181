package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/internal/pgserver"
)

// measureWide is how long publishes take while the copies of one event with very
// many mailboxes are filed, and how long otherwise, in turn, on each store.
func measureWide(l load) error {
	if err := l.wideOn("SQLite"); err != nil {
		return err
	}
	pg, flags, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("a wide event on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return l.wideOn("PostgreSQL", flags...)
}

func (l load) wideOn(store string, flags ...string) error {
	s, err := startServer(flags...)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := subscribeMany(s, l.mailboxes, l.connections); err != nil {
		return err
	}
	// Everybody hears of the wide one; nobody but three of the others.
	wide, err := example.Message(deadCode, "new", living[0])
	if err != nil {
		return err
	}
	narrow, err := example.Message(liveCode, "new", living[0])
	if err != nil {
		return err
	}
	if err := subscribeThree(s.url); err != nil {
		return err
	}
	publisher := publisherAt(s, l.connections)
	var alone, beside []time.Duration
	for n := range 2 * l.rounds {
		if n%2 == 1 {
			if _, err := publisher.Publish(context.Background(), wide); err != nil {
				return err
			}
		}
		took, err := paced(&publisher, narrow, l.round)
		if err != nil {
			return err
		}
		if n%2 == 1 {
			beside = append(beside, quantile(took, 0.99))
		} else {
			alone = append(alone, quantile(took, 0.99))
		}
	}
	fmt.Printf("an event for %d mailboxes, %s: %d rounds of %s, %.0f other publishes a second\n", l.mailboxes, store, l.rounds, l.round, 1/pace.Seconds())
	middle := func(d []time.Duration) time.Duration { return slices.Sorted(slices.Values(d))[len(d)/2] }
	fmt.Printf("  their p99 in the median round: alone %v, right after it %v (%.2f)\n", middle(alone), middle(beside), float64(middle(beside))/float64(middle(alone)))
	return nil
}

// paced publishes at a steady pace, however long the answers take.
func paced(publisher *client.Client, message []byte, span time.Duration) ([]time.Duration, error) {
	events := int(span / pace)
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var all sync.WaitGroup
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for range events {
		<-tick.C
		all.Go(func() {
			began := time.Now()
			_, err := publisher.Publish(context.Background(), message)
			mu.Lock()
			defer mu.Unlock()
			took, failed = append(took, time.Since(began)), errors.Join(failed, err)
		})
	}
	all.Wait()
	slices.Sort(took)
	return took, failed
}

// subscribeMany makes that many mailboxes, each with a subscription.
func subscribeMany(s *server, mailboxes, connections int) error {
	access, err := operator.ReadAccess(s.data())
	if err != nil {
		return err
	}
	desk := &operator.Client{Access: access, User: "bench"}
	ids := make(chan string, mailboxes)
	var boxes []operator.Mailbox
	for n := range mailboxes {
		box := operator.Mailbox{ID: fmt.Sprintf("RR8WIDE%d", n), ODS: "RR8", Password: devworld.Password}
		boxes = append(boxes, box)
		ids <- box.ID
	}
	close(ids)
	for part := range slices.Chunk(boxes, 500) {
		if err := operator.PutMailboxes.Run(context.Background(), desk, part); err != nil {
			return err
		}
	}
	subscriber := publisherAt(s, connections)
	subscriber.ASID, subscriber.ODS = "200000000115", "RR8"
	criteria := strings.Join([]string{"/Bundle?type=message", "Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + living[0].NHSNumber, "MessageHeader.event=" + deadCode}, "&")
	errs := make(chan error, connections)
	for range connections {
		go func() {
			var failed error
			for id := range ids {
				_, err := subscriber.Subscribe(context.Background(), client.Subscription{Criteria: criteria, Mailbox: id, Reason: "Measuring"})
				failed = errors.Join(failed, err)
			}
			errs <- failed
		}()
	}
	for range connections {
		err = errors.Join(err, <-errs)
	}
	return err
}

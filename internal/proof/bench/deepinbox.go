package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/internal/pgserver"
)

const (
	deepBox, shallowBox = "RR8DEEP", "RR8SHALLOW"
	// collected is how many messages of a mailbox a round lists and acknowledges.
	collected = 100
)

// measureDeepInbox compares listing and acknowledging on a server without a deep
// inbox, beside one on another server, and in that one, in turn, on each store.
func measureDeepInbox(l load) error {
	if err := l.deepInboxOn("SQLite", func(string) ([]string, error) { return nil, nil }); err != nil {
		return err
	}
	pg, _, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("deep inboxes on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return l.deepInboxOn("PostgreSQL", func(name string) ([]string, error) {
		_, err := pgserver.SQL(context.Background(), pg.DSN("postgres", "postgres"), "CREATE DATABASE "+name)
		return []string{"--database", pg.DSN("postgres", name)}, err
	})
}

// inboxSide is a mailbox, and how long its calls took.
type inboxSide struct {
	name, box          string
	server             *server
	message            []byte
	lists, acknowledge []time.Duration
}

func (l load) deepInboxOn(store string, database func(name string) ([]string, error)) error {
	var servers []*server
	for i := range 2 {
		flags, err := database(fmt.Sprintf("inbox%d", i))
		if err != nil {
			return err
		}
		s, err := startServer(flags...)
		if err != nil {
			return err
		}
		defer s.stop()
		servers = append(servers, s)
	}
	alone, beside := &inboxSide{name: "alone", box: shallowBox, server: servers[0]}, &inboxSide{name: "beside it", box: shallowBox, server: servers[1]}
	within := &inboxSide{name: "in it", box: deepBox, server: servers[1]}
	sides := []*inboxSide{alone, beside, within}
	for i, s := range sides {
		if err := s.prepare(i); err != nil {
			return err
		}
	}
	if err := publishMany(publisherAt(servers[1], l.connections), within.message, l.connections, l.deep); err != nil {
		return err
	}
	for range l.rounds {
		for _, s := range sides {
			if err := s.round(l); err != nil {
				return err
			}
		}
		slices.Reverse(sides) // none is always the first
	}
	fmt.Printf("an inbox with %d messages, %s: %d rounds of %d messages in each mailbox\n", l.deep, store, l.rounds, collected)
	for _, s := range []*inboxSide{alone, beside, within} {
		slices.Sort(s.lists)
		slices.Sort(s.acknowledge)
		fmt.Printf("  %-9s  list p50 %v p99 %v   acknowledge p50 %v p99 %v\n", s.name,
			quantile(s.lists, 0.5), quantile(s.lists, 0.99), quantile(s.acknowledge, 0.5), quantile(s.acknowledge, 0.99))
	}
	return nil
}

// prepare makes the mailbox, which hears of one patient alone.
func (s *inboxSide) prepare(patient int) (err error) {
	of := &side{server: s.server}
	if err := of.subscribe(operator.Mailbox{ID: s.box, Password: devworld.Password}, living[patient].NHSNumber, liveCode); err != nil {
		return err
	}
	s.message, err = example.Message(liveCode, "new", living[patient])
	return err
}

// round fills the mailbox up again, lists it and acknowledges what it lists.
func (s *inboxSide) round(l load) error {
	if err := publishMany(publisherAt(s.server, l.connections), s.message, l.connections, collected); err != nil {
		return err
	}
	box, err := client.NewMailbox(client.MailboxConfig{URL: s.server.url, ID: s.box, Password: devworld.Password, SharedKey: devworld.SharedKey})
	if err != nil {
		return err
	}
	for taken := 0; taken < collected; {
		began := time.Now()
		ids, err := box.List(context.Background())
		if err != nil {
			return err
		}
		s.lists = append(s.lists, time.Since(began))
		if len(ids) == 0 {
			return fmt.Errorf("%s: %d of %d messages are listed", s.box, taken, collected)
		}
		for _, id := range ids[:min(len(ids), collected/10)] { // several lists a round
			began := time.Now()
			if err := box.Acknowledge(context.Background(), id); err != nil {
				return err
			}
			s.acknowledge = append(s.acknowledge, time.Since(began))
			taken++
		}
	}
	return nil
}

// publishMany publishes a message so often.
func publishMany(publisher client.Client, message []byte, connections, times int) error {
	interaction := client.WithInteraction(client.PublishInteraction(message))
	var (
		wg      sync.WaitGroup
		left    atomic.Int64
		mu      sync.Mutex
		failure error
	)
	left.Store(int64(times))
	for range connections {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := publisher.Publish(context.Background(), message, interaction); err != nil {
					mu.Lock()
					failure = errors.Join(failure, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	return failure
}

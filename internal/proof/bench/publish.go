package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/pgserver"
)

// measurePublish publishes over HTTP from closed-loop connections with a fan-out
// of three mailboxes: on SQLite, and then on PostgreSQL if it is installed.
func measurePublish(l load) error {
	if err := l.onStore("SQLite"); err != nil {
		return err
	}
	pg, flags, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("publish on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return l.onStore("PostgreSQL", flags...)
}

func (l load) onStore(store string, flags ...string) error {
	s, err := startServer(flags...)
	if err != nil {
		return err
	}
	defer s.stop()
	message, err := padded()
	if err != nil {
		return err
	}
	if err := subscribeThree(s.url); err != nil {
		return err
	}
	r, err := l.publish(message, s)
	if err != nil {
		return err
	}
	r.print(s, l, store, len(message))
	return nil
}

// padded returns a message of the size of the official example, 11 KB.
func padded() ([]byte, error) { return example.Sized("vaccinations-1", "new", 11_400) }

// subscribeThree subscribes three mailboxes to every message.
func subscribeThree(url string) error {
	const events = "&MessageHeader.event=vaccinations-1"
	rr8 := client.Client{URL: url, ASID: "200000000115", ODS: "RR8", NEMS: "111111111111"}
	x26 := client.Client{URL: url, ASID: "200000000116", ODS: "X26", NEMS: "111111111111"}
	for _, s := range []struct {
		client.Client
		criteria, mailbox string
	}{
		{rr8, "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888" + events, "MAILBOX1234"},
		{x26, "/Bundle?type=message&subscriptionRuleType=UHV_POSTCODE_LACODE&Organization.identifier=E08000035" + events, "X26ABC1"},
		{x26, "/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001" + events, "X26ABC2"},
	} {
		if _, err := s.Subscribe(context.Background(), client.Subscription{Criteria: s.criteria, Mailbox: s.mailbox, Reason: "Measuring"}); err != nil {
			return err
		}
	}
	return nil
}

// result is what a load achieved.
type result struct {
	messages int
	latency  []time.Duration
	cpu      time.Duration // of the server
}

// publisherAt returns a client that publishes to a server.
func publisherAt(s *server, connections int) client.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	return client.Client{URL: s.url, ASID: "300000000161", ODS: "A83627", NEMS: "111111111111", HTTP: &http.Client{Transport: transport}}
}

// publish keeps the connections busy, spread evenly over servers, and counts
// the answers 202.
func (l load) publish(message []byte, servers ...*server) (result, error) {
	var publishers []client.Client
	for _, s := range servers {
		publishers = append(publishers, publisherAt(s, l.connections))
	}
	start := time.Now()
	from, to := start.Add(l.warmUp), start.Add(l.warmUp+l.span)
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		all     []time.Duration
		failure atomic.Value
	)
	interaction := client.WithInteraction(client.PublishInteraction(message))
	cpu := make(chan time.Duration, 1)
	time.AfterFunc(l.warmUp, func() { cpu <- used(servers) })
	for n := range l.connections {
		publisher := &publishers[n%len(publishers)]
		wg.Go(func() {
			var mine []time.Duration
			for now := time.Now(); now.Before(to); now = time.Now() {
				if _, err := publisher.Publish(context.Background(), message, interaction); err != nil {
					failure.Store(err)
					return
				}
				if now.After(from) {
					mine = append(mine, time.Since(now))
				}
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	if err, ok := failure.Load().(error); ok {
		return result{}, err
	}
	slices.Sort(all)
	return result{messages: len(all), latency: all, cpu: used(servers) - <-cpu}, nil
}

// used returns the processor time that servers have used together.
func used(servers []*server) (sum time.Duration) {
	for _, s := range servers {
		sum += s.cpu()
	}
	return sum
}

func (r result) print(s *server, l load, store string, size int) {
	fmt.Printf("publish over HTTP, %s, durable: %d connections, %d bytes, fan-out 3\n", store, l.connections, size)
	fmt.Printf("  %8.0f messages/s   p50 %v   p99 %v\n", float64(r.messages)/l.span.Seconds(), quantile(r.latency, 0.50), quantile(r.latency, 0.99))
	fmt.Printf("  server: %.3f CPU s per 1,000 messages, %d MiB resident\n", r.cpu.Seconds()*1000/float64(r.messages), s.resident()>>20)
}

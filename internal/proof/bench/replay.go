package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/internal/pgserver"
)

const (
	replayBox = "RR8REPLAY"
	// replayRate is how many copies a second a replay is to move.
	replayRate = 5000
)

// measureReplay publishes while nothing else happens, and then while a replay of
// copies that a mailbox has collected runs.
func measureReplay(l load) error {
	if strings.Contains(l.stores, "SQLite") {
		if err := l.replayOn("SQLite"); err != nil {
			return err
		}
	}
	if !strings.Contains(l.stores, "PostgreSQL") {
		return nil
	}
	pg, flags, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("replay on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return l.replayOn("PostgreSQL", flags...)
}

func (l load) replayOn(store string, flags ...string) error {
	s, err := startServer(flags...)
	if err != nil {
		return err
	}
	defer s.stop()
	subscription, err := l.collectForReplay(s)
	if err != nil {
		return err
	}
	message, err := padded()
	if err != nil {
		return err
	}
	if err := subscribeThree(s.url); err != nil {
		return err
	}
	l.span = min(l.span, time.Duration(l.copies)*time.Second/replayRate-l.warmUp)
	alone, err := l.publish(message, s)
	if err != nil {
		return err
	}
	access, err := operator.ReadAccess(s.data())
	if err != nil {
		return err
	}
	desk := &operator.Client{Access: access, User: "bench"}
	began := time.Now()
	r, err := operator.StartReplay.Do(context.Background(), desk, operator.ReplayWish{Subscription: subscription, From: "oldest", Rate: replayRate, Basis: "measuring"})
	if err != nil {
		return err
	}
	beside, err := l.publish(message, s)
	if err != nil {
		return err
	}
	during, err := operator.ShowReplay.Do(context.Background(), desk, operator.ReplayRef{ID: r.ID})
	took := time.Since(began)
	if err != nil {
		return err
	}
	fmt.Printf("replay of %d copies at %d/s beside publishing, %s: %d connections, fan-out 3\n", l.copies, replayRate, store, l.connections)
	fmt.Printf("  it moved %d in %v: %.0f/s, %s\n", during.Sent, took.Round(time.Millisecond), float64(during.Sent)/took.Seconds(), during.State)
	for name, of := range map[string]result{"alone ": alone, "beside": beside} {
		fmt.Printf("  publish %s %6.0f messages/s   p50 %v   p99 %v\n", name, float64(of.messages)/l.span.Seconds(), quantile(of.latency, 0.50), quantile(of.latency, 0.99))
	}
	return nil
}

// collectForReplay has a mailbox collect so many copies of a subscription.
func (l load) collectForReplay(s *server) (id string, err error) {
	of := &side{server: s}
	access, err := operator.ReadAccess(s.data())
	if err != nil {
		return "", err
	}
	desk := &operator.Client{Access: access, User: "bench"}
	if err := of.subscribe(operator.Mailbox{ID: replayBox, Password: devworld.Password}, living[0].NHSNumber, liveCode); err != nil {
		return "", err
	}
	found, err := operator.FindSubscriptions.Do(context.Background(), desk, operator.Matching(operator.SubscriptionFilter{}))
	if err != nil {
		return "", err
	}
	for _, one := range found.Items {
		if one.Mailbox == replayBox {
			id = one.ID
		}
	}
	message, err := example.Message(liveCode, "new", living[0])
	if err != nil {
		return "", err
	}
	if err := publishMany(publisherAt(s, 16), message, 16, l.copies); err != nil {
		return "", err
	}
	return id, emptyBox(s)
}

// emptyBox acknowledges all that there is in the mailbox.
func emptyBox(s *server) error {
	box, err := client.NewMailbox(client.MailboxConfig{URL: s.url, ID: replayBox, Password: devworld.Password, SharedKey: devworld.SharedKey})
	if err != nil {
		return err
	}
	for {
		ids, err := box.List(context.Background())
		if err != nil || len(ids) == 0 {
			return err
		}
		var wg sync.WaitGroup
		const at = 16
		failures := make([]error, at)
		for n := range at {
			wg.Go(func() {
				for i := n; i < len(ids) && failures[n] == nil; i += at {
					failures[n] = box.Acknowledge(context.Background(), ids[i])
				}
			})
		}
		wg.Wait()
		if err := errors.Join(failures...); err != nil {
			return err
		}
	}
}

//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/mesh"
)

// load publishes and collects through the proxy, as publishers and a receiver do.
type load struct {
	c      *cluster
	ledger *ledger
	base   []byte // every event is this one, and a number behind it
	http   *http.Client
}

const (
	mailbox  = "MAILBOX1234"
	criteria = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1"
	// patience is how long a publisher waits for an answer before it tries again.
	patience = 5 * time.Second
	// pause is between two attempts to publish the same event.
	pause = 100 * time.Millisecond
	// collectors is how many copies are collected at the same time.
	collectors = 4
)

func newLoad(ctx context.Context, c *cluster) (*load, error) {
	base, err := example.Message("vaccinations-1", "new", example.Patient{})
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	l := &load{c: c, ledger: newLedger(base), base: base, http: &http.Client{
		Timeout:   patience,
		Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 32, DisableCompression: true},
	}}
	caller := client.Client{URL: c.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: l.http}
	_, err = caller.Subscribe(ctx, client.Subscription{Criteria: criteria, Mailbox: mailbox, Reason: "The reference cluster"})
	return l, err
}

// publish publishes until the context ends. What has been begun is tried until it has an
// answer.
func (l *load) publish(ctx context.Context) {
	caller := client.Client{URL: l.c.url, ASID: "300000000161", ODS: "A83627", NEMS: string(devworld.NEMS), HTTP: l.http}
	for ctx.Err() == nil {
		message, e := l.ledger.issue()
		key := client.WithIdempotencyKey(hex.EncodeToString(e.key[:]))
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); wait(context.Background(), pause) {
			began := time.Now()
			_, err := caller.Publish(context.Background(), message, key)
			if l.ledger.told(e, began, err) {
				break
			}
		}
		wait(ctx, l.c.o.pace)
	}
}

// collect empties the mailbox until the context ends.
func (l *load) collect(ctx context.Context) {
	for ctx.Err() == nil {
		_ = l.empty(ctx) // what fails now is collected later
		wait(ctx, 50*time.Millisecond)
	}
}

// empty collects what is in the mailbox now.
func (l *load) empty(ctx context.Context) error {
	m, err := client.NewMailbox(client.MailboxConfig{URL: l.c.url, ID: mailbox, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: l.http})
	if err != nil {
		return err
	}
	ids, err := m.List(ctx)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	work := make(chan string)
	errs := make([]error, collectors)
	for n := range collectors {
		all.Go(func() {
			for id := range work {
				errs[n] = errors.Join(errs[n], l.take(ctx, m, id))
			}
		})
	}
	for _, id := range ids[:min(len(ids), 100)] {
		work <- id
	}
	close(work)
	all.Wait()
	return errors.Join(errs...)
}

// take downloads a copy and acknowledges it. That it is gone means that an
// acknowledgement without an answer was heard.
func (l *load) take(ctx context.Context, m *client.Mailbox, id string) error {
	copied, err := m.Download(ctx, id)
	var e *mesh.Error
	if errors.As(err, &e) && e.Status == http.StatusGone {
		return nil
	}
	if err != nil {
		return err
	}
	l.ledger.received(id, copied.Body)
	return m.Acknowledge(ctx, id)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

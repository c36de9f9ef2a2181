//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
)

// Mailboxes that get signals of the MNS and nothing else: one here, one at the other MESH.
const (
	signalBox      = "RR8MNS"
	signalBoxThere = "RR8MNSTHERE"
)

// signalled is what has come of the signals of a mailbox: which MESH message stands for
// each copy.
type signalled struct {
	mu     sync.Mutex
	came   map[string]string
	double int
}

func newSignalled() *signalled { return &signalled{came: map[string]string{}} }

// of records a signal of a copy. One message may be listed again until its acknowledgement is
// answered; two messages for one copy are one too many.
func (s *signalled) of(delivery, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, again := s.came[delivery]
	if again && before != message {
		s.double++
	}
	s.came[delivery] = message
}

func (s *signalled) events() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.came)
}

// subscribeSignals subscribes two mailboxes to the signals of what the webhook gets.
func (dep *deployment) subscribeSignals() error {
	if err := dep.there.putMailboxes(operator.Mailbox{ID: signalBoxThere, ODS: "RR8", Password: devworld.Password}); err != nil {
		return err
	}
	if err := dep.here.putMailboxes(operator.Mailbox{ID: signalBox, ODS: "RR8", Password: devworld.Password}, operator.Mailbox{ID: signalBoxThere, ODS: "RR8", Remote: true}); err != nil {
		return err
	}
	for _, box := range []string{signalBox, signalBoxThere} {
		body := `{"resourceType":"Subscription","status":"requested","reason":"Torture","criteria":"eventType=imms-vaccination-record-change-1 AND nhsnumber='9912003888'",` +
			`"channel":{"type":"message","endpoint":"mesh://` + box + `?workflow_id=SIGNALS","payload":"application/json"}}`
		r, err := http.NewRequest(http.MethodPost, dep.here.url+"/multicast-notification-service/subscriptions", strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Header.Set("X-Correlation-ID", "torture")
		answer, err := dep.here.http.Do(r)
		if err != nil {
			return err
		}
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			return fmt.Errorf("a subscription to signals is answered %d: %s", answer.StatusCode, said)
		}
	}
	return nil
}

// takeSignals empties both mailboxes. It is an error as long as a mailbox has had fewer
// events than the webhook, which was told of the same.
func (dep *deployment) takeSignals(here, there *signalled, hook *counted) error {
	err := errors.Join(dep.takeSignalsOf(signalBox, dep.anyNode(), here), dep.takeSignalsOf(signalBoxThere, dep.there, there))
	for box, s := range map[string]*signalled{signalBox: here, signalBoxThere: there} {
		if n := s.events(); n < hook.distinct() {
			err = errors.Join(err, fmt.Errorf("%s has signals of %d events, the webhook of %d", box, n, hook.distinct()))
		}
	}
	return err
}

func (dep *deployment) takeSignalsOf(box string, at *process, s *signalled) error {
	m, err := client.NewMailbox(client.MailboxConfig{URL: at.url, ID: box, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: at.http, Now: at.now})
	if err != nil {
		return err
	}
	ctx := context.Background()
	ids, err := m.List(ctx)
	for _, id := range ids {
		c, err := m.Download(ctx, id)
		if isGone(err) {
			continue
		}
		if err != nil {
			return err
		}
		if c.LocalID == "" || !json.Valid(c.Body) {
			return fmt.Errorf("a signal of %d bytes with the local id %q", len(c.Body), c.LocalID)
		}
		s.of(c.LocalID, id)
		if err := m.Acknowledge(ctx, id); err != nil {
			return err
		}
	}
	return err
}

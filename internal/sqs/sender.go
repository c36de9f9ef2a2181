package sqs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"nems/internal/guard"
	"nems/internal/lane"
	"nems/internal/store"
)

// Endpoints finds endpoints: the one with the row of a mailbox, or store.ErrNotFound.
// Safe for concurrent use.
type Endpoints interface {
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
}

// Body makes what is sent of a copy: the body of a message, and the texts beside it.
type Body func(d store.Delivery, e store.Event, to Endpoint) (body []byte, attributes map[string]string, err error)

// SenderConfig is what a Sender needs.
type SenderConfig struct {
	Endpoints Endpoints
	Body      Body
	// Local has the queues of this service.
	Local *Server
	// Key finds the access key of a name.
	Key func(name string) (Key, error)
	// Group is what puts events of a FIFO queue in order: those of one group come one
	// after the other.
	Group func(d store.Delivery) string
	// Allowed are networks that connections may go to although they are not public.
	Allowed []netip.Prefix
	TLS     *tls.Config   // nil for the system's issuers
	Timeout time.Duration // of a request; default 20 s
	// Now is the clock of business time, Settled the one by which copies are given up,
	// Machine the one that queues share, for signatures.
	Now, Settled, Machine func() time.Time
}

// Sender carries copies to queues. It is a lane.Sender, safe for concurrent use.
type Sender struct {
	SenderConfig
	client *http.Client
}

// idlePerHost is how many connections wait for the next message: all queues of a
// region are at one host.
const idlePerHost = 64

// NewSender returns a Sender.
func NewSender(c SenderConfig) *Sender {
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
	if c.TLS == nil {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &Sender{SenderConfig: c, client: guard.NewClient(c.Allowed, c.TLS, idlePerHost)}
}

// Close closes the connections that nobody uses.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Open is lane.Sender's: queues have nothing in common that could be down.
func (s *Sender) Open(slots int) int { return slots }

// offPause is how long a lane waits whose endpoint is off. Enabling ends it.
const offPause = time.Hour

// Pause is lane.Sender's.
func (s *Sender) Pause(l store.Lane, err error) time.Duration {
	pause := lane.Scheduled(l.Failures)
	var f *failure
	if errors.As(err, &f) {
		pause = max(pause, f.pause)
	}
	return pause
}

// Send is lane.Sender's.
func (s *Sender) Send(ctx context.Context, l store.Lane, d store.Delivery, e store.Event) (store.Delivery, error) {
	row, err := s.Endpoints.Endpoint(ctx, d.Mailbox)
	if err != nil {
		return d, err
	}
	to, err := Read(row)
	if err != nil {
		return d, err
	}
	if s.expired(d) && (to.Off || l.Failures > 0 || d.Attempts > 0) {
		d.State, d.ErrorCode = store.Undeliverable, "expired"
		if d.ErrorText == "" {
			d.ErrorText = "it was not delivered within five days"
		}
		return d, nil
	}
	if to.Off {
		d.ErrorCode, d.ErrorText = "off", "the endpoint is off"
		return d, &failure{why: d.ErrorText, pause: offPause}
	}
	if d.First.IsZero() {
		d.First = s.Settled().UTC()
	}
	begun := time.Now()
	failed := s.deliver(ctx, row, to, d, e)
	d.Attempts++
	attempt := store.Attempt{At: s.Now().UTC(), Took: time.Since(begun), Status: http.StatusOK}
	if failed == nil {
		d.Tried(attempt)
		d.State = store.Sent
		return d, nil
	}
	attempt.Status, attempt.Why = failed.status, failed.why
	d.Tried(attempt)
	d.ErrorCode, d.ErrorEvent, d.ErrorText = "", "", failed.why
	if failed.content {
		d.Refusals++
	}
	if d.Refusals >= lane.MostRefusals || s.expired(d) || failed.content && failed.status == 0 { // which never changes
		d.State = store.Undeliverable
	}
	return d, failed
}

// expired reports whether a copy is too old: since its event was accepted or, if
// somebody had it sent again, since the first attempt after that.
func (s *Sender) expired(d store.Delivery) bool {
	since := d.Accepted
	if d.Anew {
		since = d.First
	}
	return !since.IsZero() && s.Settled().Sub(since) >= lane.GiveUp
}

// deliver sends a copy.
func (s *Sender) deliver(ctx context.Context, row store.Endpoint, to Endpoint, d store.Delivery, e store.Event) *failure {
	body, attributes, err := s.Body(d, e, to)
	if err != nil {
		return &failure{why: "what is to be sent cannot be made: " + err.Error(), content: true}
	}
	beside := texts(attributes)
	switch size := len(body) + sizeOf(beside); {
	case size > MostBytes:
		return &failure{why: fmt.Sprintf("it has %d bytes: a queue takes at most %d", size, MostBytes), content: true}
	case !isText(string(body)):
		return &failure{why: "it has characters that no queue takes", content: true}
	}
	return s.hand(ctx, row, to, d, body, beside)
}

// hand gives a message to a queue, here or elsewhere.
func (s *Sender) hand(ctx context.Context, row store.Endpoint, to Endpoint, d store.Delivery, body []byte, beside map[string]attribute) *failure {
	at, err := ParseAddress(to.Endpoint, to.Region, len(s.Allowed) > 0)
	if err != nil {
		return &failure{why: "the address of the queue cannot be used"}
	}
	if at.Local != "" {
		return s.local(ctx, row, at.Local, d, body, beside)
	}
	key, err := s.Key(to.Key)
	if err != nil {
		return &failure{why: err.Error(), pause: setupPause}
	}
	m := outgoing{QueueUrl: at.URL, MessageBody: string(body), MessageAttributes: beside}
	if at.fifo() {
		m.MessageGroupId, m.MessageDeduplicationId = s.Group(d), d.ID
	}
	return s.call(ctx, at, key, m)
}

// local puts a message into a queue of this service, which must be of the
// endpoint's organisation.
func (s *Sender) local(ctx context.Context, row store.Endpoint, queue string, d store.Delivery, body []byte, beside map[string]attribute) *failure {
	box, err := s.Local.Boxes.Mailbox(ctx, queue)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (box.Remote || box.ODS != row.Mailbox.ODS):
		return &failure{why: "there is no such queue here of this organisation", pause: setupPause}
	case err != nil:
		return &failure{why: "the store is busy"}
	}
	err = s.Local.put(ctx, box, d, body, beside)
	var full *store.QuotaError
	switch {
	case errors.As(err, &full):
		return &failure{why: "the queue has no room"}
	case err != nil:
		return &failure{why: "the store is busy"}
	}
	return nil
}

// put stores a message of the service itself. Where an earlier attempt may have done
// so without saying it, the message is looked for.
func (s *Server) put(ctx context.Context, box store.Mailbox, d store.Delivery, body []byte, beside map[string]attribute) error {
	if d.Uncertain {
		sent, err := s.Boxes.SentByLocalID(ctx, s.NEMS, d.ID)
		if err != nil || len(sent) > 0 {
			return err
		}
	}
	m, err := s.newMessage(store.Mailbox{ID: s.NEMS}, box, body, beside)
	if err != nil {
		return err
	}
	m.LocalID = d.ID
	return s.Boxes.Send(ctx, m, body, nil)
}

// Test sends a test message, once, and says what came of it. It does so for an
// endpoint that is off too.
func (s *Sender) Test(ctx context.Context, row store.Endpoint) (store.Attempt, error) {
	to, err := Read(row)
	if err != nil {
		return store.Attempt{}, err
	}
	begun, id := time.Now(), "test_"+uuid.NewString()
	failed := s.hand(ctx, row, to, store.Delivery{ID: id, MailboxID: row.Mailbox.ID}, []byte(`{"id":"`+id+`","type":"uk.nhs.nems.test-1"}`), nil)
	out := store.Attempt{At: s.Now().UTC(), Took: time.Since(begun), Status: http.StatusOK}
	if failed != nil {
		out.Status, out.Why = failed.status, failed.why
	}
	return out, nil
}

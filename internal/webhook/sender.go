package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/form"
	"nems/internal/guard"
	"nems/internal/lane"
	"nems/internal/store"
)

// Endpoints keeps the endpoints. Safe for concurrent use.
type Endpoints interface {
	// Endpoint returns the one with the row of a mailbox, or store.ErrNotFound.
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	// NoteEndpoint stores what was learnt of an endpoint, in place of the version
	// that was read; store.ErrChanged when there is another one.
	NoteEndpoint(ctx context.Context, e store.Endpoint) error
}

const (
	// idlePerHost is how many connections to one host wait for the next copy: several
	// endpoints of one organisation are often at one host.
	idlePerHost = 32
	// offPause is how long a lane waits whose endpoint is off. Enabling ends it.
	offPause = time.Hour
	// errorPause is the same for R4 subscriptions, which go on counting what waits, and
	// for signals through the endpoint of another lane, whose enabling is not seen here.
	errorPause = time.Minute
)

// offPause is how long the endpoint's lane waits while it is off.
func (e Endpoint) offPause() time.Duration {
	if e.RestHook != nil || e.signals != nil {
		return errorPause
	}
	return offPause
}

// Config is what a Sender needs.
type Config struct {
	Endpoints Endpoints
	// RestHooks knows the subscriptions of endpoints that these have brought along.
	RestHooks RestHooks
	// Allowed are networks that connections may go to although they are not
	// public; also without TLS, and to any port.
	Allowed []netip.Prefix
	TLS     *tls.Config   // of the connections; nil for the system's issuers
	Origin  string        // DNS name of this service, for the receivers' consent
	Timeout time.Duration // of a request; default 20 s
	// Signal makes signals of the MNS.
	Signal func(d store.Delivery, e store.Event, t form.Target) ([]byte, error)
	// Now is the clock of business time, Settled the one by which copies are given up,
	// Machine the one that receivers share, for the time of a signature.
	Now, Settled, Machine func() time.Time
	Record                func(audit.Entry)
	Log                   *slog.Logger
}

// Sender sends copies to endpoints. It is a lane.Sender, safe for concurrent use.
type Sender struct {
	Config
	client *http.Client
	pace   pace
}

// New returns a Sender.
func New(c Config) *Sender {
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
	if c.TLS == nil {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &Sender{Config: c, client: guard.NewClient(c.Allowed, c.TLS, idlePerHost), pace: pace{next: map[int64]time.Time{}}}
}

// Close closes the connections that nobody uses.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Open is lane.Sender's: endpoints have nothing in common that could be down.
func (s *Sender) Open(slots int) int { return slots }

// Pause is lane.Sender's.
func (s *Sender) Pause(l store.Lane, err error) time.Duration {
	var f *failure
	if errors.As(err, &f) && f.pause > 0 {
		return f.pause
	}
	return lane.Scheduled(l.Failures)
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
	if to.Via != 0 && !to.Off {
		if row, to, err = s.through(ctx, row, to); err != nil {
			return d, err
		}
	}
	if s.expired(d) && (to.Off || l.Failures > 0 || d.Attempts > 0) {
		d.State, d.ErrorCode = store.Undeliverable, "expired"
		if d.ErrorText == "" {
			d.ErrorText = "it was not delivered within five days"
		}
		return d, nil
	}
	agreed, err := s.stillAgreed(ctx, row, to)
	if err != nil {
		return d, err
	}
	if to.Off || !agreed {
		f := &failure{why: "the endpoint is off", pause: to.offPause()}
		if !to.Off {
			f.why = "no operator agrees any more to messages at this URL: no webhook of the organisation has it with the form message, and is on"
		}
		d.ErrorCode, d.ErrorText = "off", f.why
		return d, f
	}
	if to.RestHook != nil && !to.RestHook.owed(d) {
		d.State, d.ErrorCode, d.ErrorText = store.Undeliverable, "ended", "its subscription was deleted"
		return d, nil
	}
	if d.First.IsZero() {
		d.First = s.Settled().UTC()
	}
	begun := time.Now()
	status, failed := s.deliver(ctx, row, to, l, d, e)
	if failed != nil && failed.held {
		return d, failed
	}
	d.Attempts++
	attempt := store.Attempt{At: s.Now().UTC(), Took: time.Since(begun), Status: status}
	if failed == nil {
		d.Tried(attempt)
		d.State = store.Sent
		return d, nil
	}
	attempt.Status, attempt.Why = failed.status, failed.why
	d.Tried(attempt)
	d.ErrorCode, d.ErrorEvent, d.ErrorText = "", "", failed.why
	if failed.content() {
		d.Refusals++
	}
	if d.Refusals >= lane.MostRefusals || s.expired(d) {
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

// deliver asks for consent where it is missing, and sends a copy.
func (s *Sender) deliver(ctx context.Context, row store.Endpoint, to Endpoint, l store.Lane, d store.Delivery, e store.Event) (status int, failed *failure) {
	if to.RestHook != nil {
		return s.notify(ctx, row, to, l, d, e.Message)
	}
	if failed := s.agreed(ctx, row, &to); failed != nil {
		return 0, failed
	}
	if to.Rate > 0 {
		wait := s.pace.turn(row.Mailbox.Row, to.Rate, time.Now())
		if wait > mostHeld {
			return 0, &failure{why: "the receiver takes no more for now", pause: wait, held: true}
		}
		if !hold(ctx, wait) {
			return 0, &failure{why: "the request was cut off here"}
		}
	}
	headers, body, err := s.made(to, d, e)
	if err != nil {
		return 0, &failure{why: err.Error()}
	}
	status, failed = s.post(ctx, to, d.ID, headers, body)
	if failed != nil && failed.status == http.StatusGone {
		s.end(ctx, row.Mailbox.Row, d)
		failed.pause = offPause
	}
	return status, failed
}

// post signs and sends.
func (s *Sender) post(ctx context.Context, to Endpoint, id string, h http.Header, body []byte) (int, *failure) {
	if err := to.sign(h, id, s.Machine(), s.Now(), body); err != nil {
		return 0, &failure{why: err.Error()}
	}
	h.Set("Webhook-Request-Origin", s.Origin)
	answer, failed := s.call(ctx, http.MethodPost, to, h, body)
	return answer.status, failed
}

// hold waits, and reports whether it waited to the end.
func hold(ctx context.Context, while time.Duration) bool {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// agreed asks for consent unless the receiver has given it, and keeps the answer.
func (s *Sender) agreed(ctx context.Context, row store.Endpoint, to *Endpoint) *failure {
	if !to.Consented.IsZero() {
		return nil
	}
	if failed := s.consent(ctx, to); failed != nil {
		return failed
	}
	row.Value = to.Pack()
	if err := s.Endpoints.NoteEndpoint(ctx, row); err != nil { // the receiver is asked again next time
		s.Log.Warn("consent of an endpoint", "mailbox", row.Mailbox.ID, "error", err)
	}
	return nil
}

// end switches an endpoint off that says it is gone (410).
func (s *Sender) end(ctx context.Context, mailbox int64, d store.Delivery) {
	row, err := s.Endpoints.Endpoint(ctx, mailbox)
	var e Endpoint
	if err == nil {
		e, err = Read(row)
	}
	if err == nil && !e.Off {
		e.Off, e.Why, e.Since = true, "answered 410: the receiver wants nothing more", s.Now().UTC()
		row.Value = e.Pack()
		err = s.Endpoints.NoteEndpoint(ctx, row)
	}
	if err != nil { // the next copy meets the same answer
		s.Log.Warn("switching an endpoint off", "mailbox", d.MailboxID, "error", err)
		return
	}
	s.Record(audit.Entry{At: s.Now().UTC(), Action: audit.ActionEndpointGone, Object: d.MailboxID, Mailbox: d.MailboxID})
	s.Log.Warn("an endpoint is off: it answered 410", "mailbox", d.MailboxID)
}

// testType is the type of test events.
const testType = "uk.nhs.nems.test-1"

// Test asks for consent and sends a test event, once, and says what came of it.
// It does so for an endpoint that is off too, but not through another one that is.
func (s *Sender) Test(ctx context.Context, row store.Endpoint) (store.Attempt, error) {
	to, err := Read(row)
	if err != nil {
		return store.Attempt{}, err
	}
	if to.Via != 0 {
		if row, to, err = s.through(ctx, row, to); err != nil {
			return store.Attempt{}, err
		}
		if to.Off {
			return store.Attempt{At: s.Now().UTC(), Why: "the endpoint is off"}, nil
		}
	}
	begun, id := time.Now(), "test_"+uuid.NewString()
	var status int
	var failed *failure
	if to.RestHook != nil {
		status, failed = s.heartbeat(ctx, to)
	} else if failed = s.agreed(ctx, row, &to); failed == nil {
		body := []byte(`{"id":"` + id + `","type":"` + testType + `"}`)
		h := form.CloudEvent{ID: id, Source: form.Own, Type: testType, Time: s.Now()}.Headers("application/json")
		status, failed = s.post(ctx, to, id, h, body)
	}
	out := store.Attempt{At: s.Now().UTC(), Took: time.Since(begun), Status: status}
	if failed != nil {
		out.Status, out.Why = failed.status, failed.why
	}
	return out, nil
}

package webhook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/audit"
	"nems/internal/form"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Notification is the form of HL7's R4 backport: bundles, to the endpoint that one
// R4 subscription has brought along.
const Notification Form = "notification"

// RestHook is what the endpoint of an R4 subscription has beside what all have. Its
// subscription is requested while the endpoint has not Consented, which here means
// that it took the handshake; active; or error while the endpoint is Off.
type RestHook struct {
	Subscription string         `json:"subscription"` // its only one
	Topic        string         `json:"topic"`
	Base         string         `json:"base"`                // address of the R4 API that the subscriber uses
	Content      form.Content   `json:"content"`             // of notifications
	Media        string         `json:"media"`               // Content-Type of notifications
	Headers      []string       `json:"headers,omitempty"`   // NAME: VALUE of each request; secret
	Heartbeat    int            `json:"heartbeat,omitempty"` // seconds without a notification before a heartbeat; 0: none
	Timeout      int            `json:"timeout,omitempty"`   // seconds; 0: the sender's
	MaxCount     int            `json:"maxCount,omitempty"`  // events in a notification; all have one
	Contact      jsontext.Value `json:"contact,omitempty"`   // as the subscriber wrote it
	// By is the row of the webhook with which an operator agreed to messages at the URL;
	// 0 where none is sent, or where it is to be looked for.
	By int64 `json:"by,omitempty"`
	// Beat is when the endpoint is to be called next although no copy waits; Missed
	// counts heartbeats that failed in a row.
	Beat   time.Time `json:"beat,omitzero"`
	Missed int       `json:"missed,omitempty"`
	// Failed says that the endpoint is Off because of how it answered, so that its
	// subscriber may have it called again.
	Failed bool `json:"failed,omitempty"`
}

// Why the endpoint of an R4 subscription is off that is none any more.
const (
	deleted = "its subscription was deleted"
	over    = "its subscription is over"
)

// Bar switches the endpoint off for an operator.
func (e *Endpoint) Bar(why string, now time.Time) {
	e.Off, e.Why, e.Since = true, why, now
	if e.RestHook != nil {
		e.RestHook.Failed = false // so that its subscriber cannot have it called again
	}
}

// Barred reports whether an operator has switched the endpoint off, and not how it
// answered or the end of its subscription.
func (e Endpoint) Barred() bool {
	return e.Off && e.Why != deleted && e.Why != over && (e.RestHook == nil || !e.RestHook.Failed)
}

// Delete switches an endpoint off whose subscription is deleted, and forgets its headers.
// What an operator has switched off stays so.
func (e *Endpoint) Delete(now time.Time) {
	if !e.Barred() {
		e.Off, e.Why, e.Since = true, deleted, now
	}
	e.RestHook.Headers = nil
}

// RestHooks knows the subscriptions behind endpoints. Safe for concurrent use.
type RestHooks interface {
	// EndpointsAfter and PutEndpoint are operator.Endpoints'.
	EndpointsAfter(ctx context.Context, row int64, max int) ([]store.Endpoint, error)
	PutEndpoint(ctx context.Context, e store.Endpoint, entry audit.Entry) error
	// Subscription is broker.Journal's.
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	// Counting is broker.Numbers'.
	Counting(ctx context.Context, id subscription.ID) (store.Counting, error)
}

// lasting is after how many failures in a row an R4 subscription has the status
// error: by then its receiver has had half an hour.
const lasting = 3

// mostGreeting is how long a receiver has for a handshake or a heartbeat, in seconds:
// neither asks for work, and others of its organisation wait meanwhile.
const mostGreeting = 10

// briefly is the endpoint as it is called with what nobody needs time for.
func (e Endpoint) briefly() Endpoint {
	hook := *e.RestHook
	if hook.Timeout == 0 || hook.Timeout > mostGreeting {
		hook.Timeout = mostGreeting
	}
	e.RestHook = &hook
	return e
}

// says returns what all notifications of the endpoint's subscription have.
func (h RestHook) says(kind form.NotificationType, status string, at time.Time) form.Notification {
	return form.Notification{Base: h.Base, Subscription: h.Subscription, Topic: h.Topic, Status: status, Type: kind, Content: h.Content, At: at}
}

// notify sends a copy as an event notification, after the handshake.
func (s *Sender) notify(ctx context.Context, row store.Endpoint, to Endpoint, l store.Lane, d store.Delivery, message []byte) (int, *failure) {
	if to.Consented.IsZero() {
		if failed := s.handshake(ctx, row, &to); failed != nil {
			failed.pause = errorPause
			return 0, failed
		}
	}
	n := to.RestHook.says(form.EventNotification, string(subscription.Active), s.Now())
	one := form.OccurrenceOf(to.RestHook.number(d), d, message)
	n.Total, n.Events = one.Number, []form.Occurrence{one}
	if d.Replay != "" { // somebody has asked for it
		n.Type, n.Total = form.QueryEvent, s.counted(ctx, *to.RestHook)
	}
	status, failed := s.bundle(ctx, to, d.ID, n)
	if failed != nil && ctx.Err() == nil && (failed.status == http.StatusGone || l.Failures+1 >= lasting) {
		failed.pause = errorPause
		s.fail(ctx, row.Mailbox.Row, d.MailboxID, failed)
	}
	return status, failed
}

// number is what the endpoint's subscription calls the event of a copy.
func (h RestHook) number(d store.Delivery) uint64 {
	i := slices.IndexFunc(d.Subscriptions, func(id subscription.ID) bool { return id.String() == h.Subscription })
	if i < 0 || i >= len(d.Numbers) {
		return 0
	}
	return d.Numbers[i]
}

// owed reports whether a copy is one of the endpoint's subscription, and not of an
// equal one before it that was deleted.
func (h RestHook) owed(d store.Delivery) bool {
	return slices.ContainsFunc(d.Subscriptions, func(id subscription.ID) bool { return id.String() == h.Subscription })
}

// bundle posts a notification. It is signed where an operator has given the endpoint
// a secret; otherwise it is known by the subscriber's own headers.
func (s *Sender) bundle(ctx context.Context, to Endpoint, id string, n form.Notification) (int, *failure) {
	body := n.Bundle()
	h := http.Header{"Content-Type": {to.RestHook.Media}}
	for _, line := range to.RestHook.Headers {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	if to.Secret != "" {
		if err := to.sign(h, id, s.Machine(), s.Now(), body); err != nil {
			return 0, &failure{why: err.Error()}
		}
	}
	answer, failed := s.call(ctx, http.MethodPost, to, h, body)
	return answer.status, failed
}

// handshake offers the subscription to its endpoint. A success makes it active, and
// its lane due; anything else is its error (channels page, "REST-Hook").
func (s *Sender) handshake(ctx context.Context, row store.Endpoint, to *Endpoint) *failure {
	hook := *to.RestHook
	n := hook.says(form.Handshake, string(subscription.Requested), s.Now())
	n.Total = s.counted(ctx, hook)
	_, failed := s.bundle(ctx, to.briefly(), "handshake_"+hook.Subscription, n)
	if failed != nil && ctx.Err() != nil { // we end, which is not the receiver's doing
		return failed
	}
	entry := audit.Entry{At: s.Now().UTC(), Action: audit.ActionEndpointHandshake, Object: hook.Subscription, Mailbox: row.Mailbox.ID, Status: http.StatusOK}
	if failed != nil {
		failed.why = "handshake: " + failed.why
		to.Off, to.Why, to.Since, hook.Failed = true, failed.why, s.Now().UTC(), true
		entry.Status, entry.Outcome = failed.status, "error"
	} else {
		to.Consented, hook.Failed, hook.Missed = s.Now().UTC(), false, 0
		hook.Beat = s.Now().UTC().Add(time.Duration(hook.Heartbeat) * time.Second)
	}
	to.RestHook = &hook
	row.Value = to.Pack()
	if err := s.RestHooks.PutEndpoint(ctx, row, entry); err != nil { // somebody else has changed it: the next call sees what
		s.Log.Warn("handshake of an endpoint", "mailbox", row.Mailbox.ID, "error", err)
	}
	return failed
}

// counted is how many events a subscription has had.
func (s *Sender) counted(ctx context.Context, h RestHook) uint64 {
	id, err := subscription.ParseID(h.Subscription)
	if err != nil {
		return 0
	}
	c, err := s.RestHooks.Counting(ctx, id)
	if err != nil {
		s.Log.Warn("reading how far a subscription has counted", "subscription", h.Subscription, "error", err)
	}
	return c.Last
}

// heartbeat says that the service is there.
func (s *Sender) heartbeat(ctx context.Context, to Endpoint) (int, *failure) {
	n := to.RestHook.says(form.Heartbeat, string(subscription.Active), s.Now())
	n.Total = s.counted(ctx, *to.RestHook)
	return s.bundle(ctx, to.briefly(), "heartbeat_"+to.RestHook.Subscription, n)
}

// fail gives the subscription of an endpoint the status error. Its copies wait until
// the subscriber asks for another handshake, for five days.
func (s *Sender) fail(ctx context.Context, mailbox int64, id string, because *failure) {
	row, err := s.Endpoints.Endpoint(ctx, mailbox)
	var e Endpoint
	if err == nil {
		e, err = Read(row)
	}
	if err == nil && !e.Off && e.RestHook != nil {
		e.Off, e.Why, e.Since, e.RestHook.Failed = true, because.why, s.Now().UTC(), true
		row.Value = e.Pack()
		err = s.Endpoints.NoteEndpoint(ctx, row)
	}
	if err != nil { // the next copy meets the same answer
		s.Log.Warn("switching an endpoint off", "mailbox", id, "error", err)
		return
	}
	s.Record(audit.Entry{At: s.Now().UTC(), Action: audit.ActionEndpointGone, Object: id, Mailbox: id, Status: because.status})
	s.Log.Warn("an endpoint of an R4 subscription is off", "mailbox", id, "status", because.status)
}

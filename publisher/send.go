package publisher

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"nems/client"
)

// fate is what becomes of a message after an attempt.
type fate struct {
	state  string // sent, refused, held; "" means that it is tried again
	status int
	reason string
	pause  int64 // nanoseconds that the service asks for
}

// deliver sends one message and stores what became of it.
func (o *Outbox) deliver(ctx context.Context, c *claimed) error {
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	f := o.attempt(limited, c)
	cancel()
	log := o.Log.With("id", c.id, "event", c.event, "attempt", c.attempts)
	if f.state == "" {
		pause := o.pause(c.attempts, durationOf(f.pause))
		log.Warn("not published; it is tried again", "status", f.status, "reason", f.reason, "after", pause)
		return o.later(ctx, c, pause)
	}
	if err := o.settle(ctx, c, f.state, f.reason); err != nil {
		return err
	}
	told := Refusal{ID: c.id, Event: c.event, Status: f.status, Reason: f.reason}
	switch f.state {
	case Refused:
		log.Error("refused; the messages of this patient wait", "status", f.status)
		o.Config.Refused(ctx, told)
	case Held:
		log.Warn("held back", "reason", f.reason)
		o.HeldBack(ctx, told)
	}
	return nil
}

// attempt makes one attempt.
func (o *Outbox) attempt(ctx context.Context, c *claimed) fate {
	if o.Demographics != nil && c.patient != c.id {
		if err := o.Demographics.still(ctx, c.patient); err != nil {
			var held *HeldBackError
			if errors.As(err, &held) {
				return fate{state: Held, reason: string(held.Reason)}
			}
			return fate{reason: "the patient could not be traced"}
		}
	}
	sender := *o.Client
	trace := &attempt{outbox: o, id: c.id}
	sender.HTTP = trace.client(o.Client.HTTP)
	_, err := sender.Publish(ctx, c.payload, client.WithIdempotencyKey(c.id))
	f := judge(err)
	if err := trace.end(context.WithoutCancel(ctx), f); err != nil && f.state == "" {
		f.reason = "its record could not be stored"
	}
	return f
}

// judge decides what an answer means for a message.
func judge(err error) fate {
	if err == nil {
		return fate{state: Sent, status: http.StatusAccepted}
	}
	var refused *client.Error
	if !errors.As(err, &refused) {
		return fate{reason: "no answer: " + err.Error()}
	}
	f := fate{status: refused.Status, reason: words(refused), pause: int64(refused.RetryAfter)}
	if refused.Status >= 400 && refused.Status < 500 && !passes(refused) {
		f.state = Refused
	}
	return f
}

// passes reports whether a refusal is not about the message, so that it may pass: the
// system is not let in, the service is busy, or something else than a NEMS answers.
func passes(e *client.Error) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return len(e.Issues) == 0 // a NEMS explains itself
	}
	return false
}

// words are the issues of a refusal, which hold no values of the message.
func words(e *client.Error) string {
	var lines []string
	for _, i := range e.Issues {
		lines = append(lines, i.String())
	}
	return strings.Join(lines, "\n")
}

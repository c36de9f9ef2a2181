package courier

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"

	"nems/internal/audit"
	"nems/internal/lane"
	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/subscription"
)

// mediaType of every copy (decision 30).
const mediaType = "application/fhir+xml"

// sender hands copies to the MESH.
type sender struct{ *Courier }

// Open is lane.Sender's.
func (c sender) Open(slots int) int {
	switch c.breaker.State() {
	case gobreaker.StateOpen:
		return 0
	case gobreaker.StateHalfOpen:
		return min(slots, 1)
	}
	return slots
}

// Pause is lane.Sender's.
func (c sender) Pause(l store.Lane, _ error) time.Duration {
	d := c.Backoff
	for i := 1; i < l.Failures && d < c.MostBackoff; i++ {
		d *= 2
	}
	d = min(d, c.MostBackoff)
	return d - time.Duration(rand.Int64N(int64(d)/2+1)) //nolint:gosec // only spreads load, is not used for security
}

// Send is lane.Sender's.
func (c sender) Send(ctx context.Context, _ store.Lane, d store.Delivery, e store.Event) (store.Delivery, error) {
	id, err := c.hand(ctx, &d, e.Message)
	switch {
	case errors.Is(err, lane.ErrHeld):
		return d, err
	case err != nil:
		return c.judge(d, err)
	}
	d.State, d.MESHID = store.Sent, id
	return d, nil
}

// because records an error in a delivery.
func because(d store.Delivery, why error) store.Delivery {
	d.ErrorCode, d.ErrorEvent, d.ErrorText = "", "", why.Error()
	var e *mesh.Error
	if errors.As(why, &e) {
		d.ErrorCode, d.ErrorEvent, d.ErrorText = e.Code, e.Event, e.Description
	}
	return d
}

// judge decides what a failed call means for its delivery.
func (c *Courier) judge(d store.Delivery, err error) (store.Delivery, error) {
	d.Uncertain = d.Uncertain || ambiguous(err)
	d = because(d, err)
	switch {
	case errors.Is(err, context.Canceled): // we are stopping
	case !meshDown(err) && !mesh.Temporary(err):
		d.State = store.Parked
		return d, err
	case ownFault(err):
		d.Refusals++
	}
	if d.Refusals >= c.MostRefusals || c.Settled().Sub(d.First) >= c.GiveUp {
		d.State = store.Parked
	}
	return d, err
}

// call makes one call through the breaker.
func (c *Courier) call(ctx context.Context, f func(context.Context) (string, error)) (string, error) {
	id, err := c.breaker.Execute(func() (string, error) {
		ctx, cancel := context.WithTimeout(ctx, c.SendTimeout)
		defer cancel()
		return f(ctx)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return "", lane.ErrHeld
	}
	return id, err
}

// hand sends a message to the MESH and returns its message id. If nobody
// answered the last send of this delivery, it asks the MESH first, because
// repeating it blindly would make a second copy.
func (c *Courier) hand(ctx context.Context, d *store.Delivery, message []byte) (string, error) {
	if d.First.IsZero() {
		d.First = c.Settled().UTC()
	}
	repeat := false
	if d.Uncertain {
		id, err := c.call(ctx, func(ctx context.Context) (string, error) {
			t, err := c.Client.TrackLocal(ctx, d.ID)
			return t.MessageID, err
		})
		if err == nil && id != "" {
			c.stats.adopted.Inc()
			return id, nil
		}
		// MESH has deprecated this look-up. After a permanent answer, such as
		// 404 (none) or 300 (several), the only choice is to repeat the send.
		if err != nil && (meshDown(err) || mesh.Temporary(err) || errors.Is(err, lane.ErrHeld)) {
			return "", err
		}
		repeat = true
	}
	out := c.outgoing(d, message)
	id, err := c.send(ctx, out, message)
	if status(err) == http.StatusForbidden {
		// A token is refused when clocks differ or its nonce was used, so the
		// send is tried once more with a fresh one.
		id, err = c.send(ctx, out, message)
	}
	if errors.Is(err, lane.ErrHeld) {
		return "", err
	}
	d.Attempts++
	if repeat {
		c.stats.repeats.Inc()
	}
	return id, err
}

func (c *Courier) send(ctx context.Context, out mesh.Outgoing, message []byte) (string, error) {
	return c.call(ctx, func(ctx context.Context) (string, error) {
		out.Body = bytes.NewReader(message)
		return c.Client.Send(ctx, out)
	})
}

// outgoing returns a copy with its headers (NEMS specification, "Event Receiver
// Requirements").
func (c *Courier) outgoing(d *store.Delivery, message []byte) mesh.Outgoing {
	return mesh.Outgoing{
		Headers: mesh.Headers{
			To: d.MailboxID, WorkflowID: d.Workflow, MessageType: string(store.Data), LocalID: d.ID,
			PartnerID: c.partnerID(d), FileName: d.Code + "_" + strconv.FormatInt(int64(d.Event), 10) + ".xml",
			ContentType: mediaType, Subject: mesh.ReplaySubject(d.Replay),
		},
		MediaType: mediaType, Size: int64(len(message)),
	}
}

// partnerID shortens the partner id to what the MESH accepts. What is dropped
// is audited with the first attempt.
func (c *Courier) partnerID(d *store.Delivery) string {
	partner, dropped := subscription.CapPartnerID(d.PartnerID, c.PartnerID)
	if dropped > 0 && d.Attempts == 0 {
		c.stats.dropped.Add(float64(dropped))
		c.Record(audit.Entry{At: c.Now().UTC(), Action: audit.ActionPartnerIDCut, Object: d.ID, EventType: d.Code, Patient: d.Patient, Mailbox: d.MailboxID, Count: dropped})
	}
	return partner
}

// status returns the HTTP status of a refusal, 0 for any other error.
func status(err error) int {
	var e *mesh.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// meshDown reports whether a failure says nothing about the delivery: no answer,
// a MESH that is busy or away, or one that refuses our credentials. The last
// case needs an operator, but parking every copy would not help.
func meshDown(err error) bool {
	switch status(err) {
	case 0:
		return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, mesh.ErrMessageID)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// ownFault reports whether the MESH answered with a temporary error that
// another copy may not meet.
func ownFault(err error) bool { return status(err) != 0 && !meshDown(err) }

// ambiguous reports whether the MESH may have the message after this failure.
func ambiguous(err error) bool {
	s := status(err)
	return s == 0 || s >= 500 || s == http.StatusRequestTimeout
}

package mns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/form"
	"nems/internal/mesh"
	"nems/internal/store"
)

// Boxes holds the MESH mailboxes that are served here. Its methods have the contracts
// of mailbox.Boxes. Safe for concurrent use.
type Boxes interface {
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error
	SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error)
	NextPosition() store.EventID
}

// SenderConfig is what a Sender needs.
type SenderConfig struct {
	Boxes Boxes
	Body  Body
	// NEMS is the mailbox that signals come from.
	NEMS string
	// Remote sends to mailboxes of a remote MESH; nil when there is none.
	Remote *mesh.Client
	Now    func() time.Time
	Log    *slog.Logger
}

// Sender puts signals into MESH mailboxes. It is a lane.Sender, safe for concurrent
// use.
type Sender struct{ SenderConfig }

// NewSender returns a Sender.
func NewSender(c SenderConfig) *Sender { return &Sender{c} }

// Open is lane.Sender's: the mailboxes here are as reachable as the store.
func (s *Sender) Open(slots int) int { return slots }

// The pauses after failures double from the first to the last.
const (
	firstPause = time.Second
	lastPause  = 15 * time.Minute
)

// Pause is lane.Sender's.
func (s *Sender) Pause(l store.Lane, _ error) time.Duration {
	return min(firstPause<<min(max(l.Failures-1, 0), 20), lastPause)
}

// giveUp is after what time a signal is undeliverable that no mailbox takes.
const giveUp = 5 * 24 * time.Hour

// stays is how long MESH keeps a message that nobody collects.
const stays = 5 * 24 * time.Hour

// Send is lane.Sender's. If we stop between the mailbox and the row, the delivery is
// uncertain for whoever claims the lane next, who looks for it by its local id first.
func (s *Sender) Send(ctx context.Context, _ store.Lane, d store.Delivery, e store.Event) (store.Delivery, error) {
	if d.First.IsZero() {
		d.First = s.Now().UTC()
	}
	id, err := s.hand(ctx, &d, e)
	d.Attempts++
	var never unsendable
	switch {
	case err == nil:
		d.State, d.MESHID = store.Sent, id
	case errors.As(err, &never):
		d.State, d.ErrorCode, d.ErrorText = store.Parked, "", err.Error()
	case s.Now().Sub(d.First) >= giveUp:
		d.State, d.ErrorCode, d.ErrorText = store.Undeliverable, "expired", err.Error()
	default:
		d.ErrorCode, d.ErrorText = "", err.Error()
	}
	return d, err
}

// unsendable says why a signal is set aside for an operator.
type unsendable struct{ error }

// hand gives a signal to its mailbox, and returns MESH's id of it.
func (s *Sender) hand(ctx context.Context, d *store.Delivery, e store.Event) (string, error) {
	row, err := s.Boxes.Endpoint(ctx, d.Mailbox)
	if err != nil {
		return "", err
	}
	to, err := form.ReadTarget(row)
	if err != nil {
		return "", unsendable{err}
	}
	if to.Off {
		return "", errors.New("the endpoint is off")
	}
	body, err := s.Body(*d, e, to)
	if err != nil {
		return "", unsendable{err}
	}
	box, err := s.Boxes.Mailbox(ctx, to.Mailbox)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", unsendable{errors.New("its mailbox is gone")}
	case err != nil:
		return "", err
	case box.ODS != row.Mailbox.ODS:
		return "", unsendable{errors.New("its mailbox belongs to another organisation now")}
	case box.Remote:
		return s.remote(ctx, d, to, body)
	}
	return s.local(ctx, d, box, to, body)
}

// local puts a signal into a mailbox that is served here.
func (s *Sender) local(ctx context.Context, d *store.Delivery, box store.Mailbox, to form.Target, body []byte) (string, error) {
	if d.Uncertain {
		sent, err := s.Boxes.SentByLocalID(ctx, s.NEMS, d.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
		if len(sent) > 0 {
			return "", nil
		}
	}
	now := s.Now().UTC()
	err := s.Boxes.Send(ctx, store.Message{
		Position: s.Boxes.NextPosition(), Mailbox: box.Row, Sender: s.NEMS, Recipient: box.ID, RecipientODS: box.ODS,
		Workflow: to.Workflow, Type: store.Data, Status: store.Waiting, StatusAt: now, LocalID: d.ID, FileName: fileName(d, to),
		Subject: mesh.ReplaySubject(d.Replay), ContentType: to.Payload, Chunks: 1, Size: int64(len(body)), Expires: now.Add(stays),
	}, body, nil)
	var full *store.QuotaError
	switch {
	case errors.As(err, &full):
		return "", errors.New("the mailbox has no room")
	case err != nil && !errors.Is(err, store.ErrBusy):
		d.Uncertain = true // it may be there all the same
	}
	return "", err
}

// remote sends a signal to a mailbox of another MESH.
func (s *Sender) remote(ctx context.Context, d *store.Delivery, to form.Target, body []byte) (string, error) {
	if s.Remote == nil {
		return "", errors.New("there is no connection to the MESH of this mailbox")
	}
	if d.Uncertain {
		t, err := s.Remote.TrackLocal(ctx, d.ID)
		if err == nil && t.MessageID != "" {
			return t.MessageID, nil
		}
		if err != nil && !untracked(err) {
			return "", err
		}
	}
	id, err := s.Remote.Send(ctx, mesh.Outgoing{
		Headers:   mesh.Headers{To: to.Mailbox, WorkflowID: to.Workflow, LocalID: d.ID, FileName: fileName(d, to), Subject: mesh.ReplaySubject(d.Replay)},
		MediaType: to.Payload, Body: bytes.NewReader(body), Size: int64(len(body)),
	})
	if err != nil && !answered(err) {
		d.Uncertain = true
	}
	if refused(err) {
		return "", unsendable{err}
	}
	return id, err
}

// answered reports whether the MESH itself has answered: otherwise the message may be
// there.
func answered(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && e.Status < http.StatusInternalServerError && e.Status != http.StatusRequestTimeout
}

// refused reports whether the MESH will never take a message. One that refuses who we are
// needs an operator, and then takes it.
func refused(err error) bool {
	var e *mesh.Error
	if !answered(err) || !errors.As(err, &e) || mesh.Temporary(err) {
		return false
	}
	return e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden && e.Status != http.StatusTooManyRequests
}

// untracked reports whether the MESH has answered for good that it has no message of a
// local id, or several.
func untracked(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusMultipleChoices)
}

func fileName(d *store.Delivery, to form.Target) string {
	return to.Type + "_" + strconv.FormatInt(int64(d.Event), 10) + ".json"
}

// Body makes what is sent of a copy to a target.
type Body func(d store.Delivery, e store.Event, t form.Target) ([]byte, error)

// Bodies returns how signals are made. base returns the address of the API, and dataRef
// where a subscriber can read more about an event of the NEMS, "" for nowhere. numbered
// has signals hold the number of the event in its subscription, where the MNS's schema
// has the constant 1.
func Bodies(base string, numbered bool, dataRef func(eventType, subject string) string) Body {
	return func(d store.Delivery, e store.Event, t form.Target) ([]byte, error) {
		s, err := form.MNS(d, t.Type, e.Message)
		if err != nil {
			return nil, fmt.Errorf("the event of %s cannot be signalled: %w", d.ID, err)
		}
		if s.DataRef == "" && dataRef != nil {
			s.DataRef = dataRef(s.Type, s.Subject)
		}
		if t.Payload == asJSON {
			return s.Body()
		}
		number := "1"
		if numbered && len(d.Numbers) > 0 && d.Numbers[0] != 0 {
			number = strconv.FormatUint(d.Numbers[0], 10)
		}
		return s.FHIR(base, number)
	}
}

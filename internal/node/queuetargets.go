package node

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"nems/internal/form"
	"nems/internal/mns"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/sqs"
	"nems/internal/store"
)

// queueSignal is the body of the form signal: the attributes of a CloudEvent, and
// which of its subscriptions' events it is. It holds nothing about the patient.
type queueSignal struct {
	SpecVersion   string    `json:"specversion"`
	ID            string    `json:"id"`
	Source        string    `json:"source"`
	Type          string    `json:"type"`
	Time          time.Time `json:"time"`
	Sequence      string    `json:"sequence,omitempty"`
	Subscriptions []string  `json:"subscriptions"`
	Numbers       []uint64  `json:"numbers"`
}

// queueBody is sqs.Body.
func (n *node) queueBody(d store.Delivery, e store.Event, to sqs.Endpoint) ([]byte, map[string]string, error) {
	about := form.Describe(d, e.Message)
	beside := map[string]string{"eventType": form.Signal(d.Code), "source": about.Source, "id": about.ID}
	switch to.Form {
	case sqs.Message:
		beside["eventType"] = d.Code
		return e.Message, beside, nil
	case sqs.Signal:
		c := about.CloudEvent(form.Signal(d.Code))
		s := queueSignal{SpecVersion: "1.0", ID: c.ID, Source: c.Source, Type: c.Type, Time: c.Time.UTC(), Subscriptions: []string{}, Numbers: []uint64{}}
		if c.Sequence > 0 {
			s.Sequence = form.Sequence(c.Sequence)
		}
		for _, one := range about.Subscriptions {
			s.Subscriptions, s.Numbers = append(s.Subscriptions, one.ID.String()), append(s.Numbers, one.Number)
		}
		body, err := json.Marshal(s)
		return body, beside, err
	}
	if to.Type != "" {
		beside["eventType"] = to.Type
	}
	body, err := n.signalBody(d, e, to.Target)
	return body, beside, err
}

// queueGroup is what puts the messages of a FIFO queue in order: those about one
// patient, whom the name of the group does not tell.
func (n *node) queueGroup(d store.Delivery) string {
	if len(n.searchKey) == 0 || d.Patient.IsZero() {
		return d.MailboxID
	}
	mac := hmac.New(sha256.New, n.searchKey)
	mac.Write([]byte("nems queue groups " + d.Patient.Digits()))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// queueFits says what is wrong with a queue that is to be registered, as far as only
// this service knows it.
func (n *node) queueFits(ctx context.Context, e operator.Endpoint) error {
	at, err := sqs.ParseAddress(e.URL, e.Region, len(n.SQS.networks(n.Dev)) > 0)
	switch {
	case err != nil:
		return err
	case at.Local == "":
		_, err = n.queues.keys.Key(e.Key)
		return err
	}
	box, err := n.db.Mailbox(ctx, at.Local)
	if errors.Is(err, store.ErrNotFound) || err == nil && (box.Remote || box.ODS != e.ODS) {
		return errors.New("there is no such mailbox here of this organisation")
	}
	return err
}

// queueTarget is mns.Opener for queues elsewhere: those that an operator has
// registered for an organisation, for signals of the MNS. (A queue of this service is a
// mailbox, into which its signals are put.)
func (n *node) queueTarget(ctx context.Context, owners []nhs.ODSCode, t form.Target) ([]byte, nhs.ODSCode, error) {
	none := mns.NoEndpoint("Please provide a queue that is registered for your organisation, for signals of the MNS")
	if n.queues.sender == nil {
		return nil, "", none
	}
	return n.registeredFor(ctx, store.QueueChannel, owners, none, func(row store.Endpoint) []byte {
		if e, err := sqs.Read(row); err == nil && e.Endpoint == t.Endpoint && e.Form == sqs.MNS {
			return sqs.Endpoint{Target: t, Region: e.Region, Key: e.Key}.Pack()
		}
		return nil
	})
}

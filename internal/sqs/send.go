package sqs

import (
	"encoding/json"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/requestid"
	"nems/internal/store"
)

const (
	// MostBytes is the size of the largest message with its attributes, and of the
	// largest batch (AWS, SQS quotas, since 2025).
	MostBytes = 1 << 20
	// mostDelay is the longest time for which a message is kept from consumers at first.
	mostDelay = 900
	// retention is how long a message waits, as in every mailbox.
	retention = 5 * 24 * time.Hour
	// Workflow is the workflow id of what comes into a mailbox through its queue.
	Workflow = "SQS"
)

// sending is a message that is to be sent: a request, or an entry of a batch.
type sending struct {
	Id                string //nolint:staticcheck // AWS's name
	MessageBody       *string
	DelaySeconds      int
	MessageAttributes map[string]attribute
	// Of FIFO queues.
	MessageDeduplicationId, MessageGroupId string //nolint:staticcheck // AWS's names
}

func (s sending) size() int {
	if s.MessageBody == nil {
		return 0
	}
	return len(*s.MessageBody) + sizeOf(s.MessageAttributes)
}

// check says what is wrong with a message.
func (s sending) check() error {
	switch {
	case s.MessageBody == nil || *s.MessageBody == "":
		return missing.because("The request must contain the parameter MessageBody.")
	case s.MessageDeduplicationId != "" || s.MessageGroupId != "":
		return badValue.because("MessageDeduplicationId and MessageGroupId belong to FIFO queues, which this service does not offer.")
	case s.DelaySeconds < 0 || s.DelaySeconds > mostDelay:
		return badValue.because("DelaySeconds: expected 0 to %d.", mostDelay)
	case s.size() > MostBytes:
		return badValue.because("The message has more than %d bytes with its attributes.", MostBytes)
	case !isText(*s.MessageBody):
		return badContents
	}
	return checkAttributes(s.MessageAttributes)
}

// sent is the answer to a message that was sent.
type sent struct {
	Id                     string `json:",omitempty"` //nolint:staticcheck // AWS's name
	MessageId              string //nolint:staticcheck // AWS's name
	MD5OfMessageBody       string
	MD5OfMessageAttributes string `json:",omitempty"`
}

func (c *call) send(in struct {
	queueURL
	sending
}) (none sent, err error) {
	box, err := c.sendable(in.QueueUrl)
	if err != nil {
		return none, err
	}
	return c.storing(box, in.sending)()
}

// sendable finds a queue that the caller may send to. The rules are those of MESH.
func (c *call) sendable(address string) (store.Mailbox, error) {
	box, err := c.queue(address)
	if err != nil {
		return box, err
	}
	w, restricted, err := c.Boxes.Restricted(c.r.Context(), Workflow)
	if err == nil && restricted && (!among(w.Senders, c.caller.ID) || !among(w.Receivers, box.ID)) {
		err = accessDenied
	}
	return box, err
}

func among(mailboxes []string, id string) bool {
	for _, m := range mailboxes {
		if nhs.SameID(m, id) {
			return true
		}
	}
	return false
}

// storing gives a message its place in a queue, and returns what stores it.
func (c *call) storing(box store.Mailbox, s sending) func() (sent, error) {
	err := s.check()
	var m store.Message
	if err == nil {
		m, err = c.newMessage(c.caller, box, []byte(*s.MessageBody), s.MessageAttributes)
	}
	return func() (none sent, _ error) {
		if err != nil {
			return none, err
		}
		ctx, body := c.r.Context(), []byte(*s.MessageBody)
		if s.DelaySeconds > 0 { // before the message is there, which would be given otherwise
			if err := c.Queues.Delay(ctx, box.Row, m.Position, time.Duration(s.DelaySeconds)*time.Second); err != nil {
				return none, err
			}
		}
		e := c.entry(audit.ActionSend, m, http.StatusOK)
		if err := c.Boxes.Send(ctx, m, body, &e); err != nil {
			return none, err
		}
		return sent{Id: s.Id, MessageId: messageID(m), MD5OfMessageBody: digestOf(body), MD5OfMessageAttributes: digestAttributes(s.MessageAttributes)}, nil
	}
}

// newMessage makes a message for a queue. Its body is that of the mailbox's
// message; the attributes stand beside it.
func (s *Server) newMessage(from, to store.Mailbox, body []byte, attributes map[string]attribute) (store.Message, error) {
	now := s.Now().UTC()
	m := store.Message{
		Position: s.Boxes.NextPosition(), Mailbox: to.Row, Sender: from.ID, SenderODS: from.ODS, Recipient: to.ID, RecipientODS: to.ODS,
		Workflow: Workflow, Type: store.Data, Status: store.Waiting, StatusAt: now, ContentType: "text/plain; charset=utf-8",
		Chunks: 1, Size: int64(len(body)), Expires: now.Add(retention),
	}
	if len(attributes) == 0 {
		return m, nil
	}
	packed, err := json.Marshal(attributes)
	m.Attributes = string(packed)
	return m, err
}

// texts makes attributes of texts.
func texts(values map[string]string) map[string]attribute {
	out := make(map[string]attribute, len(values))
	for name, value := range values {
		out[name] = text(value)
	}
	return out
}

func messageID(m store.Message) string { return mesh.FormatMessageID(int64(m.Position), m.Mailbox) }

// entry is the audit's entry of what the call does with a message.
func (c *call) entry(action audit.Action, m store.Message, status int) audit.Entry {
	box := c.caller
	if box.Row == 0 {
		box = store.Mailbox{ID: m.Recipient, ODS: m.RecipientODS}
	}
	return audit.Entry{At: c.Now().UTC(), Action: action, Mailbox: box.ID, ODS: box.ODS, Status: status, Object: messageID(m),
		EventType: m.EventCode, Patient: m.Patient, Request: requestid.ID(c.r.Context())}
}

// entries are those of a batch.
type entries[T any] struct {
	queueURL
	Entries []T
}

// mostEntries is how many entries a batch has.
const mostEntries = 10

// batched is the answer to a batch.
type batched[T any] struct {
	Successful []T
	Failed     []failed
}

// failed is an entry of a batch that was refused.
type failed struct {
	Id, Code, Message string //nolint:staticcheck // AWS's names
	SenderFault       bool
}

// each begins something with the entries of a batch in their order, does the rest of
// it for all at once, so that they share a commit, and answers for each.
func each[In, Out any](c *call, all []In, id func(In) string, begin func(In) func() (Out, error)) (out batched[Out], err error) {
	switch {
	case len(all) == 0:
		return out, noEntries
	case len(all) > mostEntries:
		return out, manyEntries
	}
	seen := map[string]bool{}
	for _, entry := range all {
		switch name := id(entry); {
		case !isName(name, 80, "-_"):
			return out, badEntryID
		case seen[name]:
			return out, sameIDs
		default:
			seen[name] = true
		}
	}
	out.Successful, out.Failed = []Out{}, []failed{}
	outs, errs := make([]Out, len(all)), make([]error, len(all))
	var busy sync.WaitGroup
	for i, entry := range all {
		finish := begin(entry)
		busy.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = errors.New(string(debug.Stack())) // not p: it may hold part of a message
				}
			}()
			outs[i], errs[i] = finish()
		})
	}
	busy.Wait()
	for i, err := range errs {
		if err != nil {
			p := problemOf(err)
			if p == internalError {
				c.Log.ErrorContext(c.r.Context(), "an entry of an SQS batch failed", "operation", c.name, "error", err)
			}
			out.Failed = append(out.Failed, failed{Id: id(all[i]), Code: p.code(), Message: p.message, SenderFault: p.status < http.StatusInternalServerError})
			continue
		}
		out.Successful = append(out.Successful, outs[i])
	}
	return out, nil
}

func (c *call) sendBatch(in entries[sending]) (none batched[sent], err error) {
	box, err := c.sendable(in.QueueUrl)
	if err != nil {
		return none, err
	}
	total := 0
	for _, s := range in.Entries {
		total += s.size()
	}
	if total > MostBytes && len(in.Entries) <= mostEntries {
		return none, longBatch
	}
	return each(c, in.Entries, func(s sending) string { return s.Id }, func(s sending) func() (sent, error) { return c.storing(box, s) })
}

package sqs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

const (
	// usualHold is how long a consumer holds a message, in seconds, and mostHold the
	// longest time (AWS, SQS quotas).
	usualHold, mostHold = 30, 12 * 60 * 60
	// mostWait is the longest time that a consumer waits for messages, in seconds.
	mostWait = 20
	// mostReceived is how many messages an answer has.
	mostReceived = 10
	// Who waits for messages looks for them after leastPause, then more and more
	// seldom, down to mostPause.
	leastPause, mostPause = 25 * time.Millisecond, 400 * time.Millisecond
)

type receiveInput struct {
	queueURL
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}

type receiveOutput struct {
	Messages []received `json:",omitempty"`
}

// received is a message as a consumer sees it.
type received struct {
	MessageId              string //nolint:staticcheck // AWS's name
	ReceiptHandle          string
	MD5OfBody              string
	Body                   string
	Attributes             map[string]string    `json:",omitempty"`
	MD5OfMessageAttributes string               `json:",omitempty"`
	MessageAttributes      map[string]attribute `json:",omitempty"`
}

// within returns a number, or the usual one where it is absent.
func within(name string, n *int, usual, least, most int) (int, error) {
	switch {
	case n == nil:
		return usual, nil
	case *n < least || *n > most:
		return 0, badValue.because("%s: expected %d to %d.", name, least, most)
	}
	return *n, nil
}

// receive gives the caller messages, for which it waits a while if there are none.
func (c *call) receive(in receiveInput) (out receiveOutput, err error) {
	box, err := c.own(in.QueueUrl)
	most, wrongMost := within("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, 1, mostReceived)
	hold, wrongHold := within("VisibilityTimeout", in.VisibilityTimeout, usualHold, 0, mostHold)
	wait, wrongWait := within("WaitTimeSeconds", in.WaitTimeSeconds, 0, 0, mostWait)
	for _, err := range []error{err, wrongMost, wrongHold, wrongWait} {
		if err != nil {
			return out, err
		}
	}
	ctx := c.r.Context()
	over := time.NewTimer(time.Duration(wait) * time.Second)
	defer over.Stop()
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		out.Messages, err = c.take(ctx, box, in, time.Duration(hold)*time.Second, most)
		if err != nil || len(out.Messages) > 0 || wait == 0 {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-c.Stopping:
			return out, nil
		case <-over.C:
			return out, nil
		case <-time.After(pause):
		}
	}
}

// take takes messages, and reads them. What makes the answer too large is given
// back. If we stop in between, nobody is given the messages until their time has passed.
func (c *call) take(ctx context.Context, box store.Mailbox, in receiveInput, hold time.Duration, most int) (out []received, err error) {
	free, err := c.Queues.AnyFree(ctx, box.Row)
	if err != nil || !free {
		return nil, err
	}
	taken, err := c.Queues.Take(ctx, box.Row, hold, most)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, t := range taken {
		m, attributes, body, err := c.open(ctx, box, t)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil && store.Temporary(err):
			return out, err
		case err != nil: // others are given all the same
			c.Log.ErrorContext(ctx, "a message of a queue cannot be read", "mailbox", box.ID, "message", messageID(m), "error", err)
			continue
		}
		if size += len(body) + sizeOf(attributes); size > MostBytes && len(out) > 0 {
			if err := c.Queues.Hold(ctx, box.Row, t, 0); err != nil {
				c.Log.WarnContext(ctx, "giving a message back to its queue", "mailbox", box.ID, "error", err)
			}
			continue
		}
		c.Record(c.entry(audit.ActionDownload, m, http.StatusOK))
		out = append(out, in.shown(m, t, body, attributes))
	}
	return out, nil
}

// open reads a message that was taken: its body, and what stands beside it.
func (c *call) open(ctx context.Context, box store.Mailbox, t store.Taken) (m store.Message, attributes map[string]attribute, body string, err error) {
	m, err = c.Boxes.Message(ctx, box.Row, t.Position)
	if err == nil && m.Status != store.Waiting { // acknowledged through MESH, or expired
		_ = c.Queues.LetGo(box.Row, t.Position)
		err = store.ErrNotFound
	}
	if err != nil {
		return m, nil, "", err
	}
	attributes = map[string]attribute{"workflow": text(m.Workflow)}
	if m.Sender != "" {
		attributes["sender"] = text(m.Sender)
	}
	if m.EventCode != "" {
		attributes["eventType"] = text(m.EventCode)
	}
	if m.Workflow == Workflow {
		clear(attributes) // it came through the queue, and has its sender's
		if m.Attributes != "" {
			err = json.Unmarshal([]byte(m.Attributes), &attributes)
		}
	}
	if err != nil {
		return m, nil, "", err
	}
	if m.Type == store.Data && m.Chunks == 1 && m.ContentEncoding == "" && m.Size <= MostBytes {
		var b bytes.Buffer
		if err := c.Boxes.Chunk(ctx, &m, 1, &b); err != nil {
			return m, nil, "", err
		}
		if body = b.String(); body != "" && isText(body) {
			return m, attributes, body, nil
		}
	}
	body, err = claimCheck(m)
	return m, attributes, body, err
}

// claimCheck is the body of a message that a queue cannot carry: where the MESH API
// has it. A report has no body; its claim check says what became of which message.
func claimCheck(m store.Message) (string, error) {
	text, err := json.Marshal(struct {
		Dataref   string `json:"dataref"`
		Type      string `json:"type"`
		Bytes     int64  `json:"bytes"`
		LinkedID  string `json:"linkedId,omitempty"`
		ErrorCode string `json:"errorCode,omitempty"`
	}{"/messageexchange/" + m.Recipient + "/inbox/" + messageID(m), string(m.Type), m.Size, m.LinkedID, m.ErrorCode})
	return string(text), err
}

// shown is a message as the caller asked to see it.
func (in receiveInput) shown(m store.Message, t store.Taken, body string, attributes map[string]attribute) received {
	out := received{MessageId: messageID(m), ReceiptHandle: handle(m.Mailbox, t), MD5OfBody: digestOf([]byte(body)), Body: body}
	system := map[string]string{
		"SenderId": m.Sender, "SentTimestamp": millis(m.Sent),
		"ApproximateReceiveCount": strconv.Itoa(t.Takes), "ApproximateFirstReceiveTimestamp": millis(t.First),
	}
	wanted := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
	for name, value := range system {
		if value != "" && asked(wanted, name) {
			if out.Attributes == nil {
				out.Attributes = map[string]string{}
			}
			out.Attributes[name] = value
		}
	}
	for name, value := range attributes {
		if asked(in.MessageAttributeNames, name) {
			if out.MessageAttributes == nil {
				out.MessageAttributes = map[string]attribute{}
			}
			out.MessageAttributes[name] = value
		}
	}
	out.MD5OfMessageAttributes = digestAttributes(out.MessageAttributes)
	return out
}

func millis(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

// asked reports whether a name is among those asked for: All, .*, a name, or the
// beginning of names followed by .*
func asked(wanted []string, name string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		start, open := strings.CutSuffix(w, ".*")
		return w == "All" || w == name || open && strings.HasPrefix(name, start)
	})
}

// handle is a receipt handle: which message, and which of its receipts.
func handle(row int64, t store.Taken) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(row))     //nolint:gosec // above 0
	b = binary.BigEndian.AppendUint64(b, uint64(t.Position)) //nolint:gosec // above 0
	b = binary.BigEndian.AppendUint32(b, uint32(t.Takes))    //nolint:gosec // above 0, and small
	return base64.RawURLEncoding.EncodeToString(b)
}

// readHandle reads the receipt handle of a message of a queue.
func readHandle(box store.Mailbox, text string) (t store.Taken, err error) {
	if text == "" {
		return t, missing.because("The request must contain the parameter ReceiptHandle.")
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 20 || binary.BigEndian.Uint64(b) != uint64(box.Row) || b[8] > 0x7f || b[16] > 0x7f { //nolint:gosec // above 0
		return t, badHandle
	}
	return store.Taken{Position: store.EventID(binary.BigEndian.Uint64(b[8:])), Takes: int(binary.BigEndian.Uint32(b[16:]))}, nil //nolint:gosec // b[8] was looked at
}

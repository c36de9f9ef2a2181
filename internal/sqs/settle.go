package sqs

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// receipt names a message that a consumer has received: a request, or an entry of
// a batch.
type receipt struct {
	Id                string //nolint:staticcheck // AWS's name
	ReceiptHandle     string
	VisibilityTimeout *int
}

func (r receipt) id() string { return r.Id }

// done is the answer to an entry of a batch.
type done struct {
	Id string //nolint:staticcheck // AWS's name
}

type oneReceipt struct {
	queueURL
	receipt
}

func (c *call) remove(in oneReceipt) (none struct{}, err error) {
	box, err := c.own(in.QueueUrl)
	if err != nil {
		return none, err
	}
	_, err = c.removeOne(box, in.receipt)
	return none, err
}

func (c *call) removeBatch(in entries[receipt]) (none batched[done], err error) {
	box, err := c.own(in.QueueUrl)
	if err != nil {
		return none, err
	}
	return each(c, in.Entries, receipt.id, func(r receipt) func() (done, error) { return func() (done, error) { return c.removeOne(box, r) } })
}

// removeOne acknowledges a message. An earlier receipt will do, too: whoever has it
// has worked on the message. To delete a message twice is no error.
func (c *call) removeOne(box store.Mailbox, r receipt) (done, error) {
	t, err := readHandle(box, r.ReceiptHandle)
	if err != nil {
		return done{}, err
	}
	m := store.Message{Position: t.Position, Mailbox: box.Row, Recipient: box.ID, RecipientODS: box.ODS}
	e := c.entry(audit.ActionAcknowledge, m, http.StatusOK)
	if err := c.Boxes.Acknowledge(c.r.Context(), box.Row, t.Position, c.Now(), &e); err != nil && !errors.Is(err, store.ErrNotFound) {
		return done{}, err
	}
	if err := c.Queues.LetGo(box.Row, t.Position); err != nil {
		c.Log.WarnContext(c.r.Context(), "a message of a queue is swept later", "mailbox", box.ID, "error", err)
	}
	return done{r.Id}, nil
}

func (c *call) change(in oneReceipt) (none struct{}, err error) {
	box, err := c.own(in.QueueUrl)
	if err != nil {
		return none, err
	}
	_, err = c.changeOne(box, in.receipt)
	return none, err
}

func (c *call) changeBatch(in entries[receipt]) (none batched[done], err error) {
	box, err := c.own(in.QueueUrl)
	if err != nil {
		return none, err
	}
	return each(c, in.Entries, receipt.id, func(r receipt) func() (done, error) { return func() (done, error) { return c.changeOne(box, r) } })
}

// changeOne holds a message for longer, or gives it back.
func (c *call) changeOne(box store.Mailbox, r receipt) (done, error) {
	if r.VisibilityTimeout == nil {
		return done{}, missing.because("The request must contain the parameter VisibilityTimeout.")
	}
	hold, err := within("VisibilityTimeout", r.VisibilityTimeout, 0, 0, mostHold)
	if err != nil {
		return done{}, err
	}
	t, err := readHandle(box, r.ReceiptHandle)
	if err != nil {
		return done{}, err
	}
	err = c.Queues.Hold(c.r.Context(), box.Row, t, time.Duration(hold)*time.Second)
	if errors.Is(err, store.ErrNotFound) {
		err = notHeld
	}
	return done{r.Id}, err
}

// attributes tells about a queue.
func (c *call) attributes(in struct {
	queueURL
	AttributeNames []string
}) (out struct {
	Attributes map[string]string `json:",omitempty"`
}, err error) {
	box, err := c.own(in.QueueUrl)
	if err != nil {
		return out, err
	}
	waiting, err := c.Boxes.Count(c.r.Context(), box.Row)
	if err != nil {
		return out, err
	}
	held, err := c.Queues.HeldNow(c.r.Context(), box.Row)
	if err != nil {
		return out, err
	}
	number := func(n int64) string { return strconv.FormatInt(max(n, 0), 10) }
	all := map[string]string{
		"ApproximateNumberOfMessages":           number(int64(waiting) - held.Taken - held.Delayed),
		"ApproximateNumberOfMessagesNotVisible": number(held.Taken),
		"ApproximateNumberOfMessagesDelayed":    number(held.Delayed),
		"QueueArn":                              "arn:aws:sqs:" + Region + ":" + account + ":" + box.ID,
		"MaximumMessageSize":                    number(MostBytes),
		"MessageRetentionPeriod":                number(int64(retention / time.Second)),
		"VisibilityTimeout":                     number(usualHold),
		"DelaySeconds":                          "0",
		"ReceiveMessageWaitTimeSeconds":         "0",
	}
	// Attributes of SQS that queues here do not have are left out, as SQS does.
	others := []string{"CreatedTimestamp", "LastModifiedTimestamp", "Policy", "RedrivePolicy", "RedriveAllowPolicy", "FifoQueue", "ContentBasedDeduplication",
		"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "DeduplicationScope", "FifoThroughputLimit", "SqsManagedSseEnabled"}
	for _, name := range in.AttributeNames {
		if _, known := all[name]; !known && name != "All" && !slices.Contains(others, name) {
			return out, badAttribute.because("There is no attribute of queues of the name %.40q.", name)
		}
	}
	out.Attributes = map[string]string{}
	for name, value := range all {
		if slices.Contains(in.AttributeNames, "All") || slices.Contains(in.AttributeNames, name) {
			out.Attributes[name] = value
		}
	}
	return out, nil
}

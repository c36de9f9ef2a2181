package sqs

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"nems/internal/nhs"
	"nems/internal/store"
)

// operation does what a request asks for.
type operation func(c *call, body []byte) (any, error)

// operations are those of SQS; nil are those that are not offered. It is filled by
// init, because what the operations do leads back here.
var operations map[string]operation

func init() {
	operations = map[string]operation{
		"SendMessage": reads((*call).send), "SendMessageBatch": reads((*call).sendBatch),
		"ReceiveMessage": reads((*call).receive),
		"DeleteMessage":  reads((*call).remove), "DeleteMessageBatch": reads((*call).removeBatch),
		"ChangeMessageVisibility": reads((*call).change), "ChangeMessageVisibilityBatch": reads((*call).changeBatch),
		"GetQueueUrl": reads((*call).queueURL), "GetQueueAttributes": reads((*call).attributes), "ListQueues": reads((*call).list),
		"CreateQueue": reads((*call).create), "PurgeQueue": reads((*call).purge),
	}
	for _, name := range []string{
		"AddPermission", "CancelMessageMoveTask", "DeleteQueue", "ListDeadLetterSourceQueues", "ListMessageMoveTasks", "ListQueueTags",
		"RemovePermission", "SetQueueAttributes", "StartMessageMoveTask", "TagQueue", "UntagQueue",
	} {
		operations[name] = nil
	}
}

// reads makes an operation of a function that takes its parameters.
func reads[In, Out any](do func(*call, In) (Out, error)) operation {
	return func(c *call, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, unreadable
		}
		out, err := do(c, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

const (
	// account is that of all queues here: an address with it is one of ours.
	account = "000000000000"
	// Region is the one of MNS's queues.
	Region = "eu-west-2"
	// mostName is how long a queue's name is, as SQS has it.
	mostQueueName = 80
)

// queueName returns the name of a queue by its URL or ARN, or by its name alone.
func queueName(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = strings.TrimSuffix(u.Path, "/")
	}
	if i := strings.LastIndexAny(address, "/:"); i >= 0 {
		address = address[i+1:]
	}
	return address
}

// queue finds a queue. Whether there is one that a caller may not use is not told.
func (c *call) queue(address string) (store.Mailbox, error) {
	if address == "" {
		return store.Mailbox{}, missing.because("The request must contain the parameter QueueUrl.")
	}
	box, err := c.Boxes.Mailbox(c.r.Context(), queueName(address))
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && box.Remote:
		return store.Mailbox{}, noQueue
	case err != nil:
		return store.Mailbox{}, err
	}
	return box, nil
}

// own finds a queue that the caller may receive from.
func (c *call) own(address string) (store.Mailbox, error) {
	box, err := c.queue(address)
	if err == nil && !c.Open && box.Row != c.caller.Row {
		return store.Mailbox{}, noQueue
	}
	return box, err
}

func (c *call) url(box store.Mailbox) string { return c.Base(c.r) + "/" + account + "/" + box.ID }

type queueURL struct {
	QueueUrl string //nolint:staticcheck // AWS's name
}

func (c *call) queueURL(in struct{ QueueName string }) (none queueURL, err error) {
	if in.QueueName == "" {
		return none, missing.because("The request must contain the parameter QueueName.")
	}
	box, err := c.queue(in.QueueName)
	if err != nil {
		return none, err
	}
	return queueURL{c.url(box)}, nil
}

type listOutput struct {
	QueueUrls []string `json:",omitempty"` //nolint:staticcheck // AWS's name
	NextToken string   `json:",omitempty"`
}

// list lists the caller's queue, or in development the hosted mailboxes.
func (c *call) list(in struct {
	QueueNamePrefix, NextToken string
	MaxResults                 int
}) (out listOutput, err error) {
	boxes := []store.Mailbox{c.caller}
	if c.Open {
		if boxes, err = c.Boxes.Mailboxes(c.r.Context()); err != nil {
			return out, err
		}
	}
	most := 1000
	if in.MaxResults > 0 {
		most = min(most, in.MaxResults)
	}
	slices.SortFunc(boxes, func(a, b store.Mailbox) int { return strings.Compare(a.ID, b.ID) })
	for _, box := range boxes {
		if box.Remote || !strings.HasPrefix(strings.ToUpper(box.ID), strings.ToUpper(in.QueueNamePrefix)) || box.ID <= in.NextToken {
			continue
		}
		if len(out.QueueUrls) == most {
			if in.MaxResults > 0 {
				out.NextToken = queueName(out.QueueUrls[most-1])
			}
			break
		}
		out.QueueUrls = append(out.QueueUrls, c.url(box))
	}
	return out, nil
}

// developers is the organisation of queues that were made here.
const developers nhs.ODSCode = "X26"

// create makes a queue, which is a mailbox, in development. In production an
// operator does so.
func (c *call) create(in struct {
	QueueName  string
	Attributes map[string]string
}) (none queueURL, err error) {
	switch box, err := c.queue(in.QueueName); {
	case err == nil:
		return queueURL{c.url(box)}, nil
	case !errors.Is(err, noQueue):
		return none, err
	case !c.Open:
		return none, accessDenied.because("A queue is a mailbox: ask an operator to add it.")
	case strings.HasSuffix(in.QueueName, ".fifo") || in.Attributes["FifoQueue"] == "true":
		return none, notOffered.because("This service does not offer FIFO queues.")
	case !isName(in.QueueName, mostQueueName, "-_"):
		return none, badValue.because("QueueName: expected 1 to 80 letters, digits, dashes or underscores.")
	}
	box := store.Mailbox{ID: in.QueueName, Name: "queue " + in.QueueName, ODS: developers, Password: "password"}
	if box.Row, err = c.Boxes.PutMailbox(c.r.Context(), box); err != nil {
		return none, err
	}
	return queueURL{c.url(box)}, nil
}

// purge empties a queue, in development.
func (c *call) purge(in queueURL) (none struct{}, err error) {
	box, err := c.own(in.QueueUrl)
	if err != nil {
		return none, err
	}
	if !c.Open {
		return none, notOffered.because("This service empties queues in development only.")
	}
	return none, c.Boxes.Reset(c.r.Context(), box.Row)
}

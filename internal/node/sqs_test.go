package node_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"nems/internal/node/nodetest"
)

// queueClient is Amazon's own client of a service, with some key.
func queueClient(here *nodetest.Server) *sqs.Client {
	return keyedClient(here, here.URL, "anybody", "anything", &http.Client{})
}

// keyedClient is a client with a key. It signs by the clock of the service.
func keyedClient(here *nodetest.Server, url, id, secret string, over *http.Client) *sqs.Client {
	return sqs.New(sqs.Options{
		BaseEndpoint: aws.String(url), Region: "eu-west-2", RetryMaxAttempts: 1, HTTPClient: over, HTTPSignerV4: clockSigner{v4.NewSigner(), here.Clock},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
		}),
	})
}

// clockSigner is Amazon's signer with another clock.
type clockSigner struct {
	*v4.Signer
	clock *nodetest.Clock
}

func (s clockSigner) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, options ...func(*v4.SignerOptions)) error {
	return s.Signer.SignHTTP(ctx, c, r, hash, service, region, s.clock.Now(), options...)
}

// queueOf is a queue with a client of it.
type queueOf struct {
	*sqs.Client
	t   *testing.T
	url *string
}

func newQueue(t *testing.T, c *sqs.Client, name string) queueOf {
	t.Helper()
	out, err := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return queueOf{c, t, out.QueueUrl}
}

func (q queueOf) send(body string) string {
	q.t.Helper()
	out, err := q.SendMessage(q.t.Context(), &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: &body})
	if err != nil {
		q.t.Fatal(err)
	}
	return *out.MessageId
}

func (q queueOf) receive(most, wait int32, change ...func(*sqs.ReceiveMessageInput)) []types.Message {
	q.t.Helper()
	in := sqs.ReceiveMessageInput{QueueUrl: q.url, MaxNumberOfMessages: most, WaitTimeSeconds: wait,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"}}
	for _, c := range change {
		c(&in)
	}
	out, err := q.ReceiveMessage(q.t.Context(), &in)
	if err != nil {
		q.t.Fatal(err)
	}
	return out.Messages
}

func (q queueOf) delete(m types.Message) {
	q.t.Helper()
	if _, err := q.DeleteMessage(q.t.Context(), &sqs.DeleteMessageInput{QueueUrl: q.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		q.t.Fatal(err)
	}
}

func bodiesOf(messages []types.Message) (out []string) {
	for _, m := range messages {
		out = append(out, *m.Body)
	}
	return out
}

// TestQueueOfCopies: the copies of a subscription to a mailbox are messages of the
// queue of its name, which Amazon's client receives and deletes; through MESH they
// are then gone.
func TestQueueOfCopies(t *testing.T) {
	here := nodetest.Boot(t)
	here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	q := newQueue(t, queueClient(here), leeds)
	came := make(chan []types.Message)
	go func() { came <- q.receive(10, 20) }() // waits for what is yet to come
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	here.Publish(here.Publisher(), message)
	got := <-came
	if len(got) != 1 || *got[0].Body != string(message) || got[0].Attributes["ApproximateReceiveCount"] != "1" || *got[0].MessageAttributes["eventType"].StringValue != "vaccinations-1" {
		t.Fatalf("received %d messages", len(got))
	}
	if again := q.receive(10, 0); len(again) != 0 {
		t.Errorf("given twice: %+v", again)
	}
	q.delete(got[0])
	q.delete(got[0]) // is no error
	if left := here.Collect(leeds); len(left) != 0 {
		t.Errorf("%d copies are left", len(left))
	}
	here.Publish(here.Publisher(), message)
	got = q.receive(1, 20)
	if n := len(here.Collect(leeds)); n != 1 { // MESH does not know that somebody holds it
		t.Errorf("MESH has %d", n)
	}
	here.Clock.Set(here.Clock.Now().Add(time.Hour))
	if again := q.receive(1, 0); len(got) != 1 || len(again) != 0 {
		t.Errorf("collected through MESH: %+v", again)
	}
}

// TestQueueVisibility: a message comes again when its time has passed, and whoever
// has an earlier receipt cannot hold it any more.
func TestQueueVisibility(t *testing.T) {
	here := nodetest.Boot(t)
	q := newQueue(t, queueClient(here), leeds)
	for i := range 3 {
		q.send(fmt.Sprint(i))
	}
	first := q.receive(2, 0)
	if !slices.Equal(bodiesOf(first), []string{"0", "1"}) || !slices.Equal(bodiesOf(q.receive(10, 0)), []string{"2"}) {
		t.Fatalf("received %v", bodiesOf(first))
	}
	hold := func(m types.Message, seconds int32) error {
		_, err := q.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: q.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds})
		return err
	}
	if err := hold(first[0], 600); err != nil {
		t.Error(err)
	}
	here.Clock.Set(here.Clock.Now().Add(31 * time.Second))
	second := q.receive(10, 0)
	if !slices.Equal(bodiesOf(second), []string{"1", "2"}) || second[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("after its time: %v", bodiesOf(second))
	}
	var notInflight *types.MessageNotInflight
	if err := hold(first[1], 60); !errors.As(err, &notInflight) {
		t.Errorf("an earlier receipt: %v", err)
	}
	if err := hold(second[0], 0); err != nil || len(q.receive(10, 0)) != 1 {
		t.Errorf("not given back: %v", err)
	}
	here.Stop()
	here.Run()
	q = newQueue(t, queueClient(here), leeds)
	if got := q.receive(10, 0); len(got) != 0 {
		t.Errorf("a restart gave back %v", bodiesOf(got))
	}
	out, err := q.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: q.url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil || out.Attributes["ApproximateNumberOfMessages"] != "0" || out.Attributes["ApproximateNumberOfMessagesNotVisible"] != "3" || !strings.HasSuffix(out.Attributes["QueueArn"], ":"+leeds) {
		t.Errorf("%v, %v", out, err)
	}
	here.Clock.Set(here.Clock.Now().Add(11 * time.Minute))
	if got := q.receive(10, 0); len(got) != 3 {
		t.Errorf("after all: %v", bodiesOf(got))
	}
}

// TestQueueBatches: entries of a batch are answered one by one.
func TestQueueBatches(t *testing.T) {
	here := nodetest.Boot(t)
	q := newQueue(t, queueClient(here), leeds)
	attributes := map[string]types.MessageAttributeValue{
		"colour": {DataType: aws.String("String"), StringValue: aws.String("grün")}, "size": {DataType: aws.String("Number.int"), StringValue: aws.String("3")},
		"raw": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
	}
	sent, err := q.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: q.url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("a"), MessageBody: aws.String("one"), MessageAttributes: attributes},
		{Id: aws.String("b"), MessageBody: aws.String("later"), DelaySeconds: 60},
		{Id: aws.String("c"), MessageBody: aws.String("\x00")},
		{Id: aws.String("d"), MessageBody: aws.String("x"), MessageGroupId: aws.String("g")},
	}})
	if err != nil || len(sent.Successful) != 2 || len(sent.Failed) != 2 || *sent.Failed[0].Code != "InvalidMessageContents" || !sent.Failed[1].SenderFault {
		t.Fatalf("%+v, %v", sent, err)
	}
	got := q.receive(10, 0)
	if len(got) != 1 || *got[0].MD5OfMessageAttributes != *sent.Successful[0].MD5OfMessageAttributes || string(got[0].MessageAttributes["raw"].BinaryValue) != "\x00\x01\xff" {
		t.Fatalf("%+v", got)
	}
	here.Clock.Set(here.Clock.Now().Add(time.Minute))
	later := q.receive(10, 0)
	got = append(got, later...)
	if len(later) != 2 { // the first one's time has passed too
		t.Errorf("later: %v", bodiesOf(later))
	}
	changed, err := q.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: q.url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: got[1].ReceiptHandle, VisibilityTimeout: 60}, {Id: aws.String("b"), ReceiptHandle: aws.String("none")},
	}})
	if err != nil || len(changed.Successful) != 1 || *changed.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("%+v, %v", changed, err)
	}
	deleted, err := q.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: q.url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: got[1].ReceiptHandle}, {Id: aws.String("b"), ReceiptHandle: got[2].ReceiptHandle},
	}})
	if err != nil || len(deleted.Successful) != 2 {
		t.Errorf("%+v, %v", deleted, err)
	}
	here.Clock.Set(here.Clock.Now().Add(time.Hour))
	if left := q.receive(10, 0); len(left) != 0 {
		t.Errorf("left: %v", bodiesOf(left))
	}
}

// TestQueueRefusals: each refusal has the type and the code by which Amazon's
// clients know it.
func TestQueueRefusals(t *testing.T) {
	here := nodetest.Boot(t)
	c := queueClient(here)
	q := newQueue(t, c, leeds)
	ctx := t.Context()
	for code, do := range map[string]func() error{
		"AWS.SimpleQueueService.NonExistentQueue": func() error {
			_, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("NONE")})
			return err
		},
		"AWS.SimpleQueueService.UnsupportedOperation": func() error {
			_, err := c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: q.url, Attributes: map[string]string{"DelaySeconds": "1"}})
			return err
		},
		"AWS.SimpleQueueService.EmptyBatchRequest": func() error {
			_, err := c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: q.url, Entries: []types.DeleteMessageBatchRequestEntry{}})
			return err
		},
		"AWS.SimpleQueueService.BatchEntryIdsNotDistinct": func() error {
			e := types.DeleteMessageBatchRequestEntry{Id: aws.String("a"), ReceiptHandle: aws.String("x")}
			_, err := c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: q.url, Entries: []types.DeleteMessageBatchRequestEntry{e, e}})
			return err
		},
		"AWS.SimpleQueueService.TooManyEntriesInBatchRequest": func() error {
			_, err := c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: q.url, Entries: slices.Repeat([]types.SendMessageBatchRequestEntry{{Id: aws.String("a"), MessageBody: aws.String("x")}}, 11)})
			return err
		},
		"AWS.SimpleQueueService.BatchRequestTooLong": func() error {
			e := types.SendMessageBatchRequestEntry{Id: aws.String("a"), MessageBody: aws.String(strings.Repeat("x", 600_000))}
			_, err := c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: q.url, Entries: []types.SendMessageBatchRequestEntry{e, {Id: aws.String("b"), MessageBody: e.MessageBody}}})
			return err
		},
		"InvalidParameterValue": func() error {
			_, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q.url, MaxNumberOfMessages: 11})
			return err
		},
		"MissingParameter": func() error {
			_, err := c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: aws.String("")})
			return err
		},
		"ReceiptHandleIsInvalid": func() error {
			_, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q.url, ReceiptHandle: aws.String("AAAA")})
			return err
		},
		"InvalidAttributeName": func() error {
			_, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: q.url, AttributeNames: []types.QueueAttributeName{"Size"}})
			return err
		},
	} {
		err := do()
		var known smithy.APIError
		if !errors.As(err, &known) || known.ErrorCode() != code || known.ErrorFault() == smithy.FaultServer {
			t.Errorf("expected %s; received %v", code, err)
		}
	}
	var none *types.QueueDoesNotExist
	if _, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("NONE")}); !errors.As(err, &none) {
		t.Errorf("not of its type: %v", err)
	}
}

// TestQueuesOfDevelopment are made, listed and emptied by whoever asks.
func TestQueuesOfDevelopment(t *testing.T) {
	here := nodetest.Boot(t)
	c := queueClient(here)
	ctx := t.Context()
	made, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("imms-events")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("imms-events")})
	if err != nil || *again.QueueUrl != *made.QueueUrl {
		t.Errorf("%v, %v", again, err)
	}
	listed, err := c.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("imms")})
	if err != nil || !slices.Equal(listed.QueueUrls, []string{*made.QueueUrl}) {
		t.Errorf("%v, %v", listed, err)
	}
	q := queueOf{c, t, made.QueueUrl}
	q.send("gone")
	if _, err := c.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: q.url}); err != nil {
		t.Error(err)
	}
	if got := q.receive(1, 0); len(got) != 0 {
		t.Errorf("left: %v", bodiesOf(got))
	}
}

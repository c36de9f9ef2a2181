package node_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
)

// TestCopiesGoToQueues: an operator registers a queue of this service and one
// elsewhere, which are sent the same events in their forms, in order, also over a restart.
func TestCopiesGoToQueues(t *testing.T) {
	there := nodetest.Boot(t)
	here := nodetest.Boot(t, func(c *node.Config) {
		c.SQS.Credentials = t.TempDir() + "/credentials"
		if err := os.WriteFile(c.SQS.Credentials, []byte("[ours]\naws_access_key_id=AKID\naws_secret_access_key=secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	desk, far := here.Desk(), newQueue(t, queueClient(there), leeds)
	put := func(e operator.Endpoint) error {
		e.ODS, e.Channel = "RR8", store.QueueChannel
		_, err := operator.PutEndpoint.Do(t.Context(), desk, e)
		return err
	}
	for _, e := range []operator.Endpoint{
		{ID: "HERE", URL: "arn:aws:sqs:eu-west-2:000000000000:" + leeds, Form: "mns"},
		{ID: "THERE", URL: *far.url, Key: "ours", Form: "message"},
	} {
		if err := put(e); err != nil {
			t.Fatal(err)
		}
		here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, e.ID)
	}
	for name, e := range map[string]operator.Endpoint{
		"no such queue": {URL: "arn:aws:sqs:eu-west-2:000000000000:NONE"}, "of others": {URL: "arn:aws:sqs:eu-west-2:000000000000:X26ABC1"},
		"no such key": {URL: "arn:aws:sqs:eu-west-2:123456789012:a"}, "no address": {URL: "a"}, "a form": {URL: *far.url, Key: "ours", Form: "xml"},
	} {
		e.ID = "WRONG"
		if err := put(e); !errors.Is(err, operator.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var messages []string
	for _, kind := range []string{"new", "update", "delete"} {
		m := nodetest.Message(t, "vaccinations-1", kind, nodetest.Jack)
		messages = append(messages, string(m))
		here.Publish(here.Publisher(), m)
	}
	here.Stop()
	here.Run()
	here.Eventually("the queue elsewhere has all", func() bool {
		out, err := far.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: far.url, AttributeNames: []types.QueueAttributeName{"ApproximateNumberOfMessages"}})
		return err == nil && out.Attributes["ApproximateNumberOfMessages"] >= "3"
	})
	if got := slices.Compact(bodiesOf(far.receive(10, 0))); !slices.Equal(got, messages) {
		t.Errorf("there: %d messages", len(got))
	}
	near := newQueue(t, queueClient(here), leeds)
	var got []string
	here.Eventually("the queue here has all", func() bool {
		got = append(got, bodiesOf(near.receive(10, 0))...)
		return len(got) == 3
	})
	for _, body := range got {
		if !strings.Contains(body, `"valueString":"imms-vaccination-record-change-1"`) {
			t.Errorf("here: %s", body)
		}
	}
	if a, err := operator.TestEndpoint.Do(t.Context(), here.Desk(), operator.EndpointRef{ID: "THERE"}); err != nil || a.Why != "" {
		t.Errorf("the test: %+v, %v", a, err)
	}
	if shown, err := operator.ShowEndpoint.Do(t.Context(), here.Desk(), operator.EndpointRef{ID: "THERE"}); err != nil || shown.Key != "ours" || strings.Contains(fmt.Sprint(shown), "secret") {
		t.Errorf("%+v, %v", shown, err)
	}
	if strings.Contains(here.Log.String(), "secret") {
		t.Error("the log has the key")
	}
}

// TestQueueOfMNS: who subscribes at the API of the MNS with the ARN of a queue gets
// its signals from the queue of that name here, as a consumer of the MNS does.
func TestQueueOfMNS(t *testing.T) {
	here := nodetest.Boot(t)
	arn := "arn:aws:sqs:eu-west-2:000000000000:MAILBOX1234"
	id := subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1", arn, "application/fhir+json")
	status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "application/fhir+json", signalled("eventType=imms-vaccination-record-change-1", arn, "application/fhir+json"))
	if status != http.StatusConflict || !strings.Contains(answer, "A matching SQS subscription already exists with id: "+id) {
		t.Errorf("a second one: %d %s", status, answer)
	}
	for _, other := range []string{"arn:aws:sqs:eu-west-2:123456789012:elsewhere", "arn:aws:sqs:eu-west-2:000000000000:NONE"} {
		if status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "application/fhir+json", signalled("eventType=imms-vaccination-record-change-1", other, "application/fhir+json")); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", other, status, answer)
		}
	}
	q := newQueue(t, queueClient(here), "MAILBOX1234")
	publishMNS(t, here, cloudEvent("e0b3d12f-c64d-4b29-b23b-4a670941f572", "imms-vaccination-record-change-1", `"action":"UPDATE"`))
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	var got []string
	for range 2 {
		for _, m := range q.receive(1, 20) {
			got = append(got, *m.Body)
			q.delete(m)
		}
	}
	if len(got) != 2 || !strings.Contains(got[0], `"id":"e0b3d12f-c64d-4b29-b23b-4a670941f572"`) || !strings.Contains(got[1], "imms-vaccination-record-change-1") {
		t.Errorf("received %v", got)
	}
}

// TestQueuesInProduction: a caller signs with its mailbox's password, and receives
// from its own queue alone.
func TestQueuesInProduction(t *testing.T) {
	p := bootProduction(t, func(c *node.Config) {
		c.SQS.Listener = node.Listener{Listen: "127.0.0.1:0", Cert: c.FHIR.Cert, Key: c.FHIR.Key}
	})
	err := operator.PutMailboxes.Run(t.Context(), p.operator, []operator.Mailbox{{ID: "OTHER", ODS: "X26", Password: boxPassword}})
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`listener=sqs address=(\S+)`).FindStringSubmatch(p.Log.String())[1]
	over := &http.Client{Transport: p.transport(nil)}
	ours, other := keyedClient(p.Server, url, leeds, boxPassword, over), keyedClient(p.Server, url, "OTHER", boxPassword, over)
	q := newQueue(t, ours, leeds)
	q.send("to myself")
	if _, err := other.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: aws.String("from another")}); err != nil {
		t.Error(err)
	}
	if got := q.receive(10, 0); !slices.Equal(bodiesOf(got), []string{"to myself", "from another"}) || got[1].Attributes["SenderId"] != "OTHER" {
		t.Errorf("received %v", bodiesOf(got))
	}
	for name, c := range map[string]struct {
		client *sqs.Client
		code   string
	}{
		"another's queue":  {other, "AWS.SimpleQueueService.NonExistentQueue"},
		"a wrong password": {keyedClient(p.Server, url, leeds, "wrong", over), "SignatureDoesNotMatch"},
		"no such mailbox":  {keyedClient(p.Server, url, "NONE", boxPassword, over), "SignatureDoesNotMatch"},
	} {
		_, err := c.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.url})
		var known smithy.APIError
		if !errors.As(err, &known) || known.ErrorCode() != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := other.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("more")}); err == nil {
		t.Error("made a queue")
	}
	p.eventually("an operator is told", func() bool { return strings.Contains(p.Log.String(), "an SQS caller was turned away") })
}

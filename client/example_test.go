package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/node"
)

// serve runs a dev world on a free port, as `nems serve --dev` does.
func serve() (url string, stop func()) {
	folder, err := os.MkdirTemp("", "nems-example-")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- node.Run(ctx, node.DevConfig(folder), node.Environment{
			Log: slog.New(slog.DiscardHandler), Ready: func(url string) { ready <- url },
		})
	}()
	select {
	case url = <-ready:
	case err := <-done:
		panic(err)
	}
	return url, func() {
		cancel()
		<-done
		_ = os.RemoveAll(folder)
	}
}

// message is an event message; yours comes from your own system.
func message() []byte {
	m, err := example.Message("vaccinations-1", "new", example.Patient{})
	if err != nil {
		panic(err)
	}
	return m
}

// A subscriber asks for the vaccinations of one patient, a publisher sends an
// event about one, and the subscriber collects its copy.
func Example() {
	url, stop := serve()
	defer stop()
	ctx := context.Background()

	hospital := client.Client{URL: url, ASID: "200000000115", ODS: "RR8", NEMS: "111111111111"}
	_, err := hospital.Subscribe(ctx, client.Subscription{
		Criteria: "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1",
		Mailbox:  "MAILBOX1234",
		Reason:   "Follow-up of our patients",
	})
	fmt.Println("subscribed:", err)

	surgery := client.Client{URL: url, ASID: "300000000161", ODS: "A83627", NEMS: "111111111111"}
	published := message()
	_, err = surgery.Publish(ctx, published)
	fmt.Println("published:", err)

	box, err := client.NewMailbox(client.MailboxConfig{URL: url, ID: "MAILBOX1234", Password: "password", SharedKey: "TestKey"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, _ := box.List(ctx)
	for _, id := range ids {
		c, err := box.Download(ctx, id)
		fmt.Println("collected:", c.WorkflowID, "unchanged:", bytes.Equal(c.Body, published), err)
		fmt.Println("acknowledged:", box.Acknowledge(ctx, id))
	}
	// Output:
	// subscribed: <nil>
	// published: <nil>
	// collected: VACCINATIONS_1 unchanged: true <nil>
	// acknowledged: <nil>
}

// A refusal says what to change: the element, what was expected, and what was received.
func ExampleError() {
	url, stop := serve()
	defer stop()

	surgery := client.Client{URL: url, ASID: "300000000161", ODS: "A83627", NEMS: "111111111111"}
	broken := bytes.ReplaceAll(message(), []byte(`<notGiven value="false"/>`), nil)
	_, err := surgery.Publish(context.Background(), broken)

	var refused *client.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Issues[0].Code)
		fmt.Println(refused.Issues[0].Expression)
	}
	// Output:
	// 422 INVALID_RESOURCE
	// Bundle.entry[1].resource.ofType(Immunization)
}

// Repeating a call with the same key makes no second copy.
func ExampleWithIdempotencyKey() {
	url, stop := serve()
	defer stop()
	ctx := context.Background()

	surgery := client.Client{URL: url, ASID: "300000000161", ODS: "A83627", NEMS: "111111111111"}
	m := message()
	for range 2 { // the first answer may have been lost on the way
		_, err := surgery.Publish(ctx, m, client.WithIdempotencyKey("order-4711"))
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
}

// A subscription is read back as it was written. It ends when it is deleted.
func ExampleClient_Read() {
	url, stop := serve()
	defer stop()
	ctx := context.Background()

	service := client.Client{URL: url, ASID: "200000000116", ODS: "X26", NEMS: "111111111111"}
	created, err := service.Subscribe(ctx, client.Subscription{
		Criteria: "/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001&MessageHeader.event=pds-death-notification-1",
		Mailbox:  "X26ABC1", Reason: "National register",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := service.Read(ctx, created.ID)
	fmt.Println(s.Status, s.Organisation, s.Mailbox, err)
	fmt.Println("deleted:", service.Unsubscribe(ctx, created.ID))
	_, err = service.Read(ctx, created.ID)
	var refused *client.Error
	fmt.Println(errors.As(err, &refused) && refused.Status == 404)
	// Output:
	// active X26 X26ABC1 <nil>
	// deleted: <nil>
	// true
}

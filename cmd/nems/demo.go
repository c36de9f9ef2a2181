package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/node"
)

// demoCmd demonstrates the service once, with a temporary folder and a free port.
type demoCmd struct {
	Stay bool `help:"Keep serving afterwards, and print the address."`
}

// The people of the demonstration: the dev world's first patient and the area where he lives.
const (
	demoPatient   = "9912003888"
	demoAuthority = "E08000035"
	demoEvent     = "vaccinations-1"
)

// What to do next: commands that work where the demonstration was started.
const (
	afterDemo = `
Next, keep one running, with a console at http://localhost:8880/console/ :

  %[1]s serve --dev

and in a second terminal, here:

  %[1]s subscribe --nhs-number 9912003888 --event vaccinations-1
  %[1]s example vaccinations-1 > message.xml
  %[1]s publish message.xml
  %[1]s inbox MAILBOX1234
`
	afterStay = `
Still serving, with a console at %[1]s/console/ . In a second terminal, here:

  %[2]s example vaccinations-1 > message.xml
  %[2]s publish --url %[1]s message.xml
  %[2]s inbox --url %[1]s MAILBOX1234

Ctrl-C stops it and removes its data.
`
)

// Run starts a NEMS, subscribes two organisations, publishes one message and
// collects both copies.
func (d *demoCmd) Run(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "nems-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	started := time.Now()
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- node.Run(ctx, node.DevConfig(folder), node.Environment{
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Ready: func(url string) { ready <- url },
		})
	}()
	var url string
	select {
	case url = <-ready:
	case err := <-done:
		return err
	}
	s := story{url: url, out: stdout()}
	s.say("A NEMS is running at %s, with its data in a folder that is removed afterwards.", url)
	if err := s.tell(ctx); err != nil {
		stop()
		return errors.Join(err, <-done)
	}
	fmt.Fprintf(stdout(), "\nThat took %s. A 202 means: on disk, matched, delivered.\n", time.Since(started).Round(10*time.Millisecond))
	if d.Stay {
		fmt.Fprintf(stdout(), afterStay, url, itself())
		<-ctx.Done()
	} else {
		fmt.Fprintf(stdout(), afterDemo, itself())
	}
	stop()
	return <-done
}

// story is the demonstration: steps in order, each printed when it succeeds.
type story struct {
	url  string
	out  io.Writer
	step int
}

func (s *story) say(format string, a ...any) {
	s.step++
	fmt.Fprintf(s.out, "%d. %s\n", s.step, fmt.Sprintf(format, a...))
}

// tell subscribes, publishes and collects.
func (s *story) tell(ctx context.Context) error {
	trust := client.Client{URL: s.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS)}
	created, err := trust.Subscribe(ctx, client.Subscription{
		Criteria: "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + demoPatient + "&MessageHeader.event=" + demoEvent + "&tag=demo",
		Mailbox:  "MAILBOX1234", Reason: "A hospital that looks after this patient",
	})
	if err != nil {
		return err
	}
	s.say("Organisation RR8 subscribed to vaccinations of one patient (explicit).\n   Subscription %s; copies go to mailbox MAILBOX1234.", created.ID)
	national := client.Client{URL: s.url, ASID: "200000000116", ODS: "X26", NEMS: string(devworld.NEMS)}
	created, err = national.Subscribe(ctx, client.Subscription{
		Criteria: "/Bundle?type=message&subscriptionRuleType=UHV_POSTCODE_LACODE&Organization.identifier=" + demoAuthority + "&MessageHeader.event=" + demoEvent,
		Mailbox:  "X26ABC1", Reason: "A health visiting service for Leeds",
	})
	if err != nil {
		return err
	}
	s.say("Organisation X26 subscribed to vaccinations of everybody who lives in Leeds (generic).\n   Subscription %s; copies go to mailbox X26ABC1.", created.ID)
	message, err := example.Message(demoEvent, "new", example.Patient{})
	if err != nil {
		return err
	}
	surgery := client.Client{URL: s.url, ASID: "300000000161", ODS: "A83627", NEMS: string(devworld.NEMS)}
	if _, err := surgery.Publish(ctx, message); err != nil {
		return err
	}
	s.say("Surgery A83627 published a vaccination message of %d bytes.\n   202 Accepted: checked against STU3 and the event's page, kept, matched to both subscriptions.", len(message))
	return errors.Join(s.collect(ctx, "MAILBOX1234", message), s.collect(ctx, "X26ABC1", message))
}

// collect takes the only copy from a mailbox and compares it.
func (s *story) collect(ctx context.Context, mailbox string, published []byte) error {
	box, err := client.NewMailbox(client.MailboxConfig{URL: s.url, ID: mailbox, Password: devworld.Password, SharedKey: devworld.SharedKey})
	if err != nil {
		return err
	}
	ids, err := box.List(ctx)
	if err != nil {
		return err
	}
	if len(ids) != 1 {
		return fmt.Errorf("%s holds %d messages; expected 1", mailbox, len(ids))
	}
	c, err := box.Download(ctx, ids[0])
	if err != nil {
		return err
	}
	if !bytes.Equal(c.Body, published) {
		return fmt.Errorf("%s: the copy is not what was published", mailbox)
	}
	if err := box.Acknowledge(ctx, ids[0]); err != nil {
		return err
	}
	s.say("Mailbox %s collected its copy through the MESH API, byte for byte what was published.\n   Message %s, workflow %s; acknowledged, and gone from the inbox.", mailbox, ids[0], c.WorkflowID)
	return nil
}

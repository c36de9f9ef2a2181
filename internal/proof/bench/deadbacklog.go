package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/internal/store"
)

// prepare makes the mailboxes and their subscriptions, and the deliveries that
// wait.
func (s *side) prepare(l load, waiting int) error {
	s.publisher = client.Client{URL: s.url, ASID: "300000000161", ODS: "A83627", NEMS: "111111111111",
		HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.connections}}}
	for n, patient := range living {
		message, err := example.Message(liveCode, "new", patient)
		if err != nil {
			return err
		}
		s.messages = append(s.messages, message)
		box := operator.Mailbox{ID: fmt.Sprintf("RR8LIVE%d", n), Remote: true}
		if err := s.subscribe(box, patient.NHSNumber, liveCode); err != nil {
			return err
		}
	}
	if waiting == 0 {
		return nil
	}
	// It becomes remote when everything waits: the courier must not have become
	// used to it.
	if err := s.subscribe(operator.Mailbox{ID: deadBox, Password: devworld.Password}, living[0].NHSNumber, deadCode); err != nil {
		return err
	}
	if err := s.fill(l.connections, waiting); err != nil {
		return err
	}
	s.dead = true
	if err := s.putMailbox(operator.Mailbox{ID: deadBox, Remote: true}); err != nil {
		return err
	}
	if n, err := s.waiting(); err != nil || n != waiting {
		return errors.Join(fmt.Errorf("%d of %d deliveries wait", n, waiting), err)
	}
	return nil
}

var backlog = regexp.MustCompile(`nems_courier_backlog\{mailbox="` + deadBox + `"\} (\S+)`)

// waiting returns how many deliveries wait for the dead mailbox, according to
// the server's metrics; 0 if there is no such mailbox.
func (s *side) waiting() (int, error) {
	answer, err := http.Get(strings.TrimSuffix(s.url, "/") + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	found := backlog.FindSubmatch(text)
	if found == nil {
		return 0, nil
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return int(n), err
}

// desk returns a client of the operators' API.
func (s *side) desk() (*operator.Client, error) {
	access, err := operator.ReadAccess(s.data())
	return &operator.Client{Access: access, User: "bench"}, err
}

// putMailbox registers a mailbox of Leeds.
func (s *side) putMailbox(box operator.Mailbox) error {
	desk, err := s.desk()
	if err != nil {
		return err
	}
	box.ODS = "RR8"
	return operator.PutMailboxes.Run(context.Background(), desk, []operator.Mailbox{box})
}

// rouse makes the courier try the dead mailbox again at once and with short
// pauses, as after an operator's retry. Otherwise the courier would not try it
// for minutes.
func (s *side) rouse() error {
	desk, err := s.desk()
	if err != nil {
		return err
	}
	one := operator.Matching(operator.DeliveryFilter{Mailbox: deadBox, State: store.Waiting})
	one.Limit = 1
	found, err := operator.FindDeliveries.Do(context.Background(), desk, one)
	if err != nil {
		return err
	}
	for _, d := range found.Items {
		for _, move := range []operator.Move{operator.Park, operator.Retry} {
			if err := operator.MoveDeliveries.Run(context.Background(), desk, operator.Moving{Move: move, IDs: []string{d.ID}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscribe registers a mailbox and subscribes it to the messages of an event type
// about a patient.
func (s *side) subscribe(box operator.Mailbox, number, code string) error {
	if err := s.putMailbox(box); err != nil {
		return err
	}
	leeds := client.Client{URL: s.url, ASID: "200000000115", ODS: "RR8", NEMS: "111111111111"}
	_, err := leeds.Subscribe(context.Background(), client.Subscription{
		Criteria: "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + number + "&MessageHeader.event=" + code,
		Mailbox:  box.ID, Reason: "Measuring",
	})
	return err
}

// fill publishes the events whose deliveries wait.
func (s *side) fill(connections, waiting int) error {
	message, err := example.Message(deadCode, "new", living[0])
	if err != nil {
		return err
	}
	return publishMany(s.publisher, message, connections, waiting)
}

package node_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/client"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestIdempotencyKey checks that a message sent again with its key makes only
// one copy, that the key is refused for another message, and that it is
// forgotten after a day.
func TestIdempotencyKey(t *testing.T) {
	s := nodetest.Boot(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	message, other := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	s.Publish(s.Publisher(), message, client.WithIdempotencyKey("first"))
	s.Publish(s.Publisher(), message, client.WithIdempotencyKey("first"))
	if n := len(s.Collect(leeds)); n != 1 {
		t.Errorf("twice with the same key: expected 1 copy; received %d", n)
	}
	_, err := s.Publisher().Publish(context.Background(), other, client.WithIdempotencyKey("first"))
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != 422 || refused.Issues[0].Code != "DUPLICATE_REJECTED" {
		t.Errorf("another message with the same key: expected 422 DUPLICATE_REJECTED; received %v", err)
	}
	if n := len(s.Collect(leeds)); n != 0 {
		t.Errorf("a refused message: expected no copy; received %d", n)
	}
	s.Clock.Set(nodetest.Start.Add(25 * time.Hour))
	s.Publish(s.Publisher(), message, client.WithIdempotencyKey("first"))
	if n := len(s.Collect(leeds)); n != 1 {
		t.Errorf("the same key a day later: expected 1 copy; received %d", n)
	}
}

// TestObservedProfile checks that requests as live clients are seen to send
// them are accepted, and that the strict profile refuses them.
func TestObservedProfile(t *testing.T) {
	for profile, want := range map[string]int{"strict": 403, "observed": 202} {
		s := nodetest.Boot(t, func(c *node.Config) { c.Profile = profile })
		r := s.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
		if a := s.Send(r.Set("toASID", nodetest.PublisherID)); a.Status != want {
			t.Errorf("%s, toASID equal to fromASID: expected %d; received %d", profile, want, a.Status)
		}
		token := s.Token(nodetest.PublisherID, "", "patient/Bundle.write").Unsigned()
		if a := s.Send(r.Set("toASID", nodetest.NEMS).Set("Authorization", "Bearer "+token)); (a.Status == 202) != (want == 202) {
			t.Errorf("%s, no organisation claim: received %d", profile, a.Status)
		}
	}
}

// TestStrictLevel publishes an example message of this project for several
// event types, while every rule of the pages is enforced.
func TestStrictLevel(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.Level = "strict" })
	for _, code := range []string{"vaccinations-1", "professional-contacts-1", "blood-spot-test-outcome-1", "newborn-hearing-1", "nipe-outcome-1"} {
		s.Publish(s.Publisher(), nodetest.Message(t, code, "new", nodetest.Jack))
	}
	for _, code := range []string{"pds-change-of-gp-1", "pds-change-of-address-1", "pds-death-notification-1", "pds-record-change-1"} {
		s.Publish(s.Spine(), nodetest.Message(t, code, "new", nodetest.Jack))
	}
	s.Publish(s.Spine(), nodetest.Message(t, "pds-birth-notification-1", "new", "9990000204"))
}

// TestBodyCutShort ends a request before its body is complete, by hand.
func TestBodyCutShort(t *testing.T) {
	s := nodetest.Boot(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n", nodetest.PublishPath, len(message)+1)
	_ = s.PublishRequest(message).Header.Write(&head)
	_, err = io.Copy(connection, io.MultiReader(&head, strings.NewReader("\r\n"), bytes.NewReader(message)))
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := nodetest.Answer{Status: response.StatusCode, Header: response.Header, Body: text}.Outcome()
	if err != nil || response.StatusCode != 400 || outcome.Issues[0].Code != "BAD_REQUEST" {
		t.Errorf("expected 400 BAD_REQUEST; received %d %s, %v", response.StatusCode, text, err)
	}
	if n := len(s.Collect(leeds)); n != 0 {
		t.Errorf("half a request: expected no copy; received %d", n)
	}
}

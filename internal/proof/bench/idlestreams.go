package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"nems/client"
	"nems/internal/access"
	"nems/internal/jwt"
)

// measureStreams measures the memory of streams on which nothing happens: over plain TCP
// and over TLS.
func measureStreams(l load) error {
	for name, secure := range map[string]bool{"plain TCP": false, "TLS": true} {
		if err := streamsOver(name, secure, l.streams); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func streamsOver(name string, secure bool, n int) error {
	s, err := startServer("--streams-share", fmt.Sprint(n+1))
	if err != nil {
		return err
	}
	defer s.stop()
	id, err := s.feed()
	if err != nil {
		return err
	}
	var config *tls.Config
	if secure {
		if config, err = s.secured(n); err != nil {
			return err
		}
	}
	empty := s.resident()
	for range n {
		socket, err := s.stream(id, config)
		if err != nil {
			return err
		}
		defer socket.Close()
	}
	opened := s.resident()
	before := s.cpu()
	time.Sleep(time.Minute)
	fmt.Printf("%d streams over %s: the server holds %d MiB, %d MiB without them and %d MiB when all had come; a minute of nothing takes %s of its processor\n",
		n, name, s.resident()>>20, empty>>20, opened>>20, (s.cpu() - before).Round(10*time.Millisecond))
	return nil
}

// secured starts the server anew with certificates, and returns how to call it.
func (s *server) secured(n int) (*tls.Config, error) {
	s.end()
	folder := filepath.Join(s.folder, "certs")
	if err := exec.Command(s.binary(), "certs", folder).Run(); err != nil {
		return nil, err
	}
	flags := []string{"--streams-share", fmt.Sprint(n + 1), "--tls-cert", filepath.Join(folder, "server.pem"), "--tls-key", filepath.Join(folder, "server.key")}
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}, s.serve(flags) //nolint:gosec // its own server
}

// feed makes an endpoint that is read, and returns the subscription to it.
func (s *server) feed() (string, error) {
	if err := s.nems("endpoints", "add", "FEED", "--ods", "X26", "--channel", "stream"); err != nil {
		return "", err
	}
	subscriber := client.Client{URL: s.url, ASID: "200000000116", ODS: "X26", NEMS: "111111111111"}
	made, err := subscriber.Subscribe(context.Background(), client.Subscription{
		Criteria: "/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001&MessageHeader.event=vaccinations-1", Mailbox: "FEED", Reason: "Measuring",
	})
	return made.ID, err
}

// stream opens a stream on a connection of its own. Little is kept of it on this side.
func (s *server) stream(id string, config *tls.Config) (net.Conn, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	socket, err := net.Dial("tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if config != nil {
		socket = tls.Client(socket, config)
	}
	token := jwt.Token{Issuer: s.url, Audience: s.url, ASID: "200000000116", ODS: "X26", Reason: "directcare", Scope: jwt.ScopeRead, Issued: time.Now()}
	fmt.Fprintf(socket, "GET /STU3/Subscription/%s/$stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nfromASID: 200000000116\r\ntoASID: 111111111111\r\nInteractionID: %s\r\nAccept: text/event-stream\r\n\r\n",
		id, u.Host, token.Unsigned(), access.ReadInteraction)
	line, err := bufio.NewReaderSize(socket, 512).ReadString('\n')
	if !strings.Contains(line, " 200 ") {
		return nil, errors.Join(fmt.Errorf("a stream is answered %q", line), err)
	}
	return socket, nil
}

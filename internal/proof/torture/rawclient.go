//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/jwt"
)

// rawClient publishes over one connection with as little work as possible, because the
// generator shares its processors with the server. The request is prepared in advance;
// only the number in its last bytes changes.
type rawClient struct {
	address string
	request []byte
	number  []byte // within request
	conn    net.Conn
	in      *bufio.Reader
}

// numbered is added to a message to distinguish it from all others.
const numbered = "<!-- %010d -->"

// newRawClient prepares a request. Its token is valid for five minutes.
func newRawClient(url string, message []byte) *rawClient {
	token := jwt.Token{
		Issuer: url, Audience: url, ASID: "300000000161", ODS: "A83627", Reason: "directcare", Scope: jwt.ScopePublish, Issued: time.Now(),
	}.Unsigned()
	address := strings.TrimPrefix(url, "http://")
	tail := fmt.Sprintf(numbered, 0)
	head := fmt.Sprintf("POST /STU3/Events/1/$process-message HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nfromASID: 300000000161\r\n"+
		"toASID: %s\r\nInteractionID: %s\r\nAccept: application/fhir+xml\r\nContent-Type: application/fhir+xml\r\nContent-Length: %d\r\n\r\n",
		address, token, devworld.NEMS, client.PublishInteraction(message), len(message)+len(tail))
	rc := &rawClient{address: address, request: append(append([]byte(head), message...), tail...)}
	rc.number = rc.request[len(rc.request)-len(tail)+len("<!-- "):][:10]
	return rc
}

// reply is an answer.
type reply struct {
	status int
	took   time.Duration
	later  bool // says when to try again
}

// publish sends the message with a number. An error means that there was no answer.
func (rc *rawClient) publish(n int64) (s reply, err error) {
	began := time.Now()
	if rc.conn == nil {
		if rc.conn, err = net.DialTimeout("tcp", rc.address, 5*time.Second); err != nil {
			rc.conn = nil
			return s, err
		}
		rc.in = bufio.NewReader(rc.conn)
	}
	for i := len(rc.number) - 1; i >= 0; i, n = i-1, n/10 {
		rc.number[i] = byte('0' + n%10)
	}
	closing := true
	defer func() {
		if s.took = time.Since(began); closing {
			rc.close()
		}
	}()
	if err := rc.conn.SetDeadline(began.Add(20 * time.Second)); err != nil {
		return s, err
	}
	// A refusal may come before everything is written; it is still the answer.
	_, failed := rc.conn.Write(rc.request)
	closing, err = rc.answer(&s)
	if closing = closing || err != nil || failed != nil; err != nil && failed != nil {
		err = failed
	}
	return s, err
}

func (rc *rawClient) close() {
	if rc.conn != nil {
		_ = rc.conn.Close() // the rest is not needed
		rc.conn = nil
	}
}

// answer reads an answer and reports whether the connection ends with it.
func (rc *rawClient) answer(s *reply) (closing bool, err error) {
	line, err := rc.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return true, fmt.Errorf("no answer: %w", err)
	}
	if s.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return true, err
	}
	length := -1
	for {
		line, err := rc.in.ReadSlice('\n')
		if err != nil {
			return true, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		switch string(name) {
		case "":
			if length < 0 {
				_, err = io.Copy(io.Discard, rc.in)
				return true, err
			}
			_, err = rc.in.Discard(length)
			return closing, err
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return true, err
			}
		case "Retry-After":
			s.later = true
		case "Connection":
			closing = string(value) == "close"
		}
	}
}

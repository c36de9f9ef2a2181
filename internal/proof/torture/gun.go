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

// gun publishes over one connection with as little work of its own as can be: the
// generator shares its processors with the server. The request is prepared; only
// the number in its last bytes changes.
type gun struct {
	address string
	request []byte
	number  []byte // within request
	conn    net.Conn
	in      *bufio.Reader
}

// numbered is what follows a message to tell it from all others.
const numbered = "<!-- %010d -->"

// newGun prepares a request. Its token is valid for five minutes.
func newGun(url string, message []byte) *gun {
	token := jwt.Token{
		Issuer: url, Audience: url, ASID: "300000000161", ODS: "A83627", Reason: "directcare", Scope: jwt.ScopePublish, Issued: time.Now(),
	}.Unsigned()
	address := strings.TrimPrefix(url, "http://")
	tail := fmt.Sprintf(numbered, 0)
	head := fmt.Sprintf("POST /STU3/Events/1/$process-message HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nfromASID: 300000000161\r\n"+
		"toASID: %s\r\nInteractionID: %s\r\nAccept: application/fhir+xml\r\nContent-Type: application/fhir+xml\r\nContent-Length: %d\r\n\r\n",
		address, token, devworld.NEMS, client.PublishInteraction(message), len(message)+len(tail))
	g := &gun{address: address, request: append(append([]byte(head), message...), tail...)}
	g.number = g.request[len(g.request)-len(tail)+len("<!-- "):][:10]
	return g
}

// shot is an answer.
type shot struct {
	status int
	took   time.Duration
	later  bool // says when to come back
}

// fire publishes the message with a number. An error is no answer.
func (g *gun) fire(n int64) (s shot, err error) {
	began := time.Now()
	if g.conn == nil {
		if g.conn, err = net.DialTimeout("tcp", g.address, 5*time.Second); err != nil {
			g.conn = nil
			return s, err
		}
		g.in = bufio.NewReader(g.conn)
	}
	for i := len(g.number) - 1; i >= 0; i, n = i-1, n/10 {
		g.number[i] = byte('0' + n%10)
	}
	closing := true
	defer func() {
		if s.took = time.Since(began); closing {
			g.close()
		}
	}()
	if err := g.conn.SetDeadline(began.Add(20 * time.Second)); err != nil {
		return s, err
	}
	// A refusal may come before all is written: then it still is the answer.
	_, failed := g.conn.Write(g.request)
	closing, err = g.answer(&s)
	if closing = closing || err != nil || failed != nil; err != nil && failed != nil {
		err = failed
	}
	return s, err
}

func (g *gun) close() {
	if g.conn != nil {
		_ = g.conn.Close() // whatever it still held is of no interest
		g.conn = nil
	}
}

// answer reads an answer and tells whether the connection ends with it.
func (g *gun) answer(s *shot) (closing bool, err error) {
	line, err := g.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return true, fmt.Errorf("no answer: %w", err)
	}
	if s.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return true, err
	}
	length := -1
	for {
		line, err := g.in.ReadSlice('\n')
		if err != nil {
			return true, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		switch string(name) {
		case "":
			if length < 0 {
				_, err = io.Copy(io.Discard, g.in)
				return true, err
			}
			_, err = g.in.Discard(length)
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

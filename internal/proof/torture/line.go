//go:build linux

package main

import (
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// line is the connection to the MESH, an HTTP proxy that can be bad.
type line struct {
	url    string
	server *http.Server
	mesh   *httputil.ReverseProxy
	// fate decides about each call; nil passes all calls on.
	fate   atomic.Pointer[fate]
	spoilt atomic.Int64 // calls that were changed or lost on the way or on the way back
}

// fate decides about a call: how late it is, whether the MESH gets it, and
// whether the reply gets back.
type fate func() (late time.Duration, made, heard bool)

func newLine(to string) (*line, error) {
	target, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{url: "http://" + socket.Addr().String(), mesh: httputil.NewSingleHostReverseProxy(target)}
	quiet := log.New(io.Discard, "", 0)
	l.mesh.ErrorLog = quiet
	l.server = &http.Server{Handler: l, ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	go func() { _ = l.server.Serve(socket) }()
	return l, nil
}

func (l *line) close() { _ = l.server.Close() }

// ServeHTTP passes a call on, or ends its connection without an answer.
func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := l.fate.Load()
	if f == nil {
		l.mesh.ServeHTTP(w, r)
		return
	}
	late, made, heard := (*f)()
	if late > 0 || !made || !heard {
		l.spoilt.Add(1)
	}
	time.Sleep(late)
	answer := w
	if !heard {
		answer = httptest.NewRecorder()
	}
	if made {
		l.mesh.ServeHTTP(answer, r)
	}
	if !heard {
		panic(http.ErrAbortHandler)
	}
}

// lineFault returns a round with a bad line.
func lineFault(f fate) func(*deployment) error {
	return func(dep *deployment) error {
		before := dep.line.spoilt.Load()
		dep.line.fate.Store(&f)
		dep.wait(2 * time.Second)
		dep.line.fate.Store(nil)
		if dep.line.spoilt.Load() == before {
			return errHarmless
		}
		return nil
	}
}

// dropped loses every fifth reply after the call was made.
func dropped() (time.Duration, bool, bool) { return 0, true, rand.Float64() >= 0.2 }

// slow delays every call.
func slow() (time.Duration, bool, bool) { return 300 * time.Millisecond, true, true }

// reset ends every third connection before the call is made.
func reset() (time.Duration, bool, bool) {
	made := rand.Float64() >= 0.33
	return 0, made, made
}

// Package nodetest boots the real program for tests: node.Run in development
// mode, on a free port and a throwaway folder, with a clock that tests move
// and a log that they can read. What a test does to it goes over HTTP.
package nodetest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/internal/node"
)

// Start is where the clock of a server stands when it starts: a Monday at noon.
var Start = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// startWait and stopWait limit how long a test waits for a server. They are
// far beyond what it needs, so that only a server that hangs reaches them.
const (
	startWait = 30 * time.Second
	stopWait  = 20 * time.Second
)

// defects are the log lines of what must not happen, whatever a caller sends.
var defects = []string{"msg=defect", "msg=panic", `msg="mesh request failed"`}

// Server is a NEMS that runs within the test.
type Server struct {
	// URL is its one listener.
	URL string
	// Config is what it was started with.
	Config node.Config
	Clock  *Clock
	Log    *Log
	// HTTP is what all helpers call it with.
	HTTP *http.Client

	t           testing.TB
	environment node.Environment
	cancel      context.CancelFunc
	done        chan error
}

// Boot starts a server and stops it when the test ends. The test fails when it
// does not get ready, does not end cleanly, or logs a defect or anything of a
// patient.
func Boot(t testing.TB, change ...func(*node.Config)) *Server {
	t.Helper()
	return BootIn(t, node.Environment{}, change...)
}

// BootIn is Boot with what an environment has beside log, clocks and Ready.
func BootIn(t testing.TB, environment node.Environment, change ...func(*node.Config)) *Server {
	t.Helper()
	c := node.DevConfig(t.TempDir())
	for _, f := range change {
		f(&c)
	}
	s := &Server{Config: c, Clock: NewClock(Start), Log: &Log{}, t: t, environment: environment}
	s.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.Run()
	t.Cleanup(func() {
		s.Stop()
		for _, defect := range defects {
			for line := range strings.Lines(s.Log.String()) {
				if strings.Contains(line, defect) {
					t.Errorf("the server logged a defect: %s", line)
				}
			}
		}
		for _, secret := range leaked(s.Log.String()) {
			t.Errorf("the server's log holds a patient's data or a token: %q", secret)
		}
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.Log.Tail(40))
		}
	})
	return s
}

// Run starts the server again on the folder that it has: after Stop.
func (s *Server) Run() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan error, 1)
	ready := make(chan string, 1)
	go func(done chan<- error) {
		e := s.environment
		e.Log = slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		e.Now, e.Steady = s.Clock.Now, s.Clock.Steady
		e.Ready = func(url string) { ready <- url }
		done <- node.Run(ctx, s.Config, e)
	}(s.done)
	select {
	case s.URL = <-ready:
	case err := <-s.done:
		s.t.Fatalf("the server did not start: %v", err)
	case <-time.After(startWait):
		s.t.Fatalf("the server was not ready after %s", startWait)
	}
}

// Stop ends the server as SIGTERM does and checks that it ends cleanly. A
// second call does nothing.
func (s *Server) Stop() {
	s.t.Helper()
	if s.cancel == nil {
		return
	}
	s.HTTP.CloseIdleConnections()
	s.cancel()
	s.cancel = nil
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("the server ended with: %v", err)
		}
	case <-time.After(stopWait):
		s.t.Errorf("the server still ran %s after it was told to stop", stopWait)
	}
}

// Eventually waits until something is so; changes must be in force within a
// second, which a loaded machine may stretch.
func (s *Server) Eventually(what string, so func() bool) {
	s.t.Helper()
	tick, over := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-over:
			s.t.Fatalf("still not so: %s", what)
		}
	}
}

// Package nemstest runs a real NEMS inside a Go test: the whole service in
// development mode, on a free port and a folder that goes with the test, with its
// patients, practices, systems and mailboxes. Code that publishes, subscribes or
// collects is tested against what it will meet, not against a stand-in.
//
//	nems := nemstest.Start(t)
//	surgery := nems.Publisher()
//	hospital := nems.Subscriber()
package nemstest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// The development world, as far as most tests need it; docs/dev-world.md lists all.
const (
	// NEMS is the ASID of the service itself.
	NEMS = "111111111111"
	// Jack is the NHS number of Jack Dawkins, born on 2 October 2017, who lives at
	// LS17 7DF and is registered with the practice B86056.
	Jack = "9912003888"
	// Mailbox is the mailbox of Subscriber, and Mailbox2 that of OtherSubscriber.
	Mailbox, Mailbox2 = "MAILBOX1234", "X26ABC1"
)

// wait is how long a test waits for the service to start or to end: far beyond what
// it needs.
const wait = 30 * time.Second

// Server is a NEMS that runs within a test.
type Server struct {
	// URL is its address, for everything: the FHIR API, the MESH API, the console.
	URL string

	t     testing.TB
	clock *nodetest.Clock
}

// Option changes how the service is run.
type Option func(*setting)

// setting is how a service is run.
type setting struct {
	config node.Config
	begin  time.Time
}

// Strict refuses messages that break a rule of their event's page which an official
// example breaks as well; without it they pass with a warning.
func Strict() Option { return func(s *setting) { s.config.Level = "strict" } }

// Observed admits what clients in use are seen to send, such as tokens without an
// organisation.
func Observed() Option { return func(s *setting) { s.config.Profile = "observed" } }

// At has the service's clock begin at a moment. Clients of the service then need its
// clock as well: those that Server makes have it, others take Server.Now.
func At(moment time.Time) Option { return func(s *setting) { s.begin = moment } }

// Start runs a NEMS until the test ends. The test fails when it does not start, or
// does not end cleanly.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	run := setting{node.DevConfig(t.TempDir()), time.Now()}
	for _, o := range options {
		o(&run)
	}
	clock := nodetest.NewClock(run.begin)
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- node.Run(ctx, run.config, node.Environment{
			Log: slog.New(slog.DiscardHandler), Now: clock.Now, Steady: clock.Steady, Ready: func(url string) { ready <- url },
		})
	}()
	s := &Server{t: t, clock: clock}
	select {
	case s.URL = <-ready:
	case err := <-done:
		cancel()
		t.Fatalf("NEMS did not start: %v", err)
	case <-time.After(wait):
		cancel()
		t.Fatalf("NEMS was not ready after %s", wait)
	}
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("NEMS ended with: %v", err)
			}
		case <-time.After(wait):
			t.Errorf("NEMS still ran %s after it was told to stop", wait)
		}
	})
	return s
}

// Now is the time on the service's clock.
func (s *Server) Now() time.Time { return s.clock.Now() }

// Pass lets time pass: copies grow old, subscriptions end, tokens expire.
func (s *Server) Pass(d time.Duration) { s.clock.Set(s.clock.Now().Add(d)) }

// Publisher is the system of a GP surgery, which publishes.
func (s *Server) Publisher() *client.Client { return s.System("300000000161", "A83627") }

// Spine is the demographics service: it alone publishes pds- events.
func (s *Server) Spine() *client.Client { return s.System("477121000323", "X26") }

// Subscriber is the system of a hospital. Its mailbox is Mailbox.
func (s *Server) Subscriber() *client.Client { return s.System("200000000115", "RR8") }

// OtherSubscriber is a system of another organisation. Its mailbox is Mailbox2.
func (s *Server) OtherSubscriber() *client.Client { return s.System("200000000116", "X26") }

// System is a registered system, as a client of this service.
func (s *Server) System(asid, ods string) *client.Client {
	return &client.Client{URL: s.URL, ASID: asid, ODS: ods, NEMS: NEMS, Now: s.Now}
}

// Mailbox is a mailbox as its owner reaches it.
func (s *Server) Mailbox(id string) *client.Mailbox {
	s.t.Helper()
	box, err := client.NewMailbox(client.MailboxConfig{URL: s.URL, ID: id, Password: devworld.Password, SharedKey: devworld.SharedKey, Now: s.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	return box
}

// Message makes a message that the service accepts: of an event type and kind (new,
// update, delete), about Jack, with fresh ids and the time of the service.
func (s *Server) Message(code, kind string) []byte {
	s.t.Helper()
	g := example.Generator{NewID: uuid.NewString, Now: s.Now}
	message, err := g.Message(code, kind, example.Patient{})
	if err != nil {
		s.t.Fatal(err)
	}
	return message
}

// Collect takes everything out of a mailbox: lists, downloads and acknowledges until
// it is empty.
func (s *Server) Collect(id string) (copies []client.Copy) {
	s.t.Helper()
	ctx, box := context.Background(), s.Mailbox(id)
	for {
		ids, err := box.List(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(ids) == 0 {
			return copies
		}
		for _, id := range ids {
			c, err := box.Download(ctx, id)
			if err == nil {
				err = box.Acknowledge(ctx, id)
			}
			if err != nil {
				s.t.Fatal(err)
			}
			copies = append(copies, c)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/client"
	"nems/internal/operator"
	"nems/internal/pgserver"
)

const (
	// hooks is how many endpoints there are: a lane sends one copy after the other.
	hooks = 32
	// hookEvents is how many events wait for each of them when sending begins.
	hookEvents = 400
	// quiet is after how long without a request none is expected any more.
	quiet = 3 * time.Second
)

// sink is a receiver of webhooks that agrees to everything.
type sink struct {
	*httptest.Server
	got         atomic.Int64
	first, last atomic.Int64 // moments of the first and the last request
}

func newSink() *sink {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("WebHook-Allowed-Origin", "*")
			return
		}
		now := time.Now().UnixMicro()
		s.first.CompareAndSwap(0, now)
		s.last.Store(now)
		s.got.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	return s
}

// measureWebhooks measures how fast copies that wait go to webhooks, beside their
// receiver on the same machine: on SQLite, and on PostgreSQL if it is installed.
func measureWebhooks(load) error {
	if err := webhooksOn("SQLite"); err != nil {
		return err
	}
	pg, flags, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("webhooks on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return webhooksOn("PostgreSQL", flags...)
}

func webhooksOn(store string, flags ...string) error {
	s, err := startServer(flags...)
	if err != nil {
		return err
	}
	defer s.stop()
	to := newSink()
	defer to.Close()
	for n := range hooks {
		if err := s.hook(fmt.Sprintf("HOOK%d", n), to.URL); err != nil {
			return err
		}
	}
	message, err := padded()
	if err != nil {
		return err
	}
	publisher := publisherAt(s, 1)
	for range hookEvents {
		if _, err := publisher.Publish(context.Background(), message); err != nil {
			return err
		}
	}
	before := s.cpu()
	if err := s.enableHooks(); err != nil {
		return err
	}
	for to.got.Load() < hooks*hookEvents {
		if last := to.last.Load(); last != 0 && time.Since(time.UnixMicro(last)) > quiet {
			return fmt.Errorf("%d of %d copies came, and then none for %s", to.got.Load(), hooks*hookEvents, quiet)
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Duration(to.last.Load()-to.first.Load()) * time.Microsecond
	fmt.Printf("webhooks on %s: %d copies of %d bytes to %d endpoints: %.0f/s, %.3f ms of the server's processor each\n",
		store, hooks*hookEvents, len(message), hooks, float64(hooks*hookEvents)/took.Seconds(), (s.cpu()-before).Seconds()*1000/(hooks*hookEvents))
	return nil
}

// hook makes an endpoint that is off, and subscribes it to every message.
func (s *server) hook(id, url string) error {
	for _, args := range [][]string{
		{"endpoints", "add", id, "--ods", "X26", "--url", url, "--form", "message"},
		{"endpoints", "disable", id},
	} {
		if err := s.nems(args...); err != nil {
			return err
		}
	}
	subscriber := client.Client{URL: s.url, ASID: "200000000116", ODS: "X26", NEMS: "111111111111"}
	_, err := subscriber.Subscribe(context.Background(), client.Subscription{
		Criteria: "/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001&MessageHeader.event=vaccinations-1", Mailbox: id, Reason: "Measuring",
	})
	return err
}

// enableHooks has all endpoints called at once. The command would take a process of its own,
// and a quarter of a second, for each of them: then that would be what is measured.
func (s *server) enableHooks() error {
	access, err := operator.ReadAccess(s.data())
	if err != nil {
		return err
	}
	desk := &operator.Client{Access: access, User: "bench"}
	var all errgroup.Group
	for n := range hooks {
		all.Go(func() error {
			return operator.EnableEndpoint.Run(context.Background(), desk, operator.EndpointRef{ID: fmt.Sprintf("HOOK%d", n)})
		})
	}
	return all.Wait()
}

// nems runs an operator's command against the server.
func (s *server) nems(args ...string) error {
	out, err := exec.Command(s.binary(), append(args, "--data", s.data())...).CombinedOutput() //nolint:gosec // what this program built
	if err != nil {
		return fmt.Errorf("nems %v: %w: %s", args, err, out)
	}
	return nil
}

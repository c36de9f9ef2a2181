package receiver_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"nems/receiver"
)

// clock is a time that advances only when somebody waits.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
	// waited, if set, is called after each wait.
	waited func(d time.Duration)
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	waited := c.waited
	c.mu.Unlock()
	if waited != nil {
		waited(d)
	}
	return ctx.Err()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newReceiver makes a receiver on the fake MESH and the test's clock.
func newReceiver(t testing.TB, f *fakeMESH, c *clock, change func(*receiver.Config)) *receiver.Receiver {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		f.Close()
	})
	config := receiver.Config{
		URL: f.URL, Mailbox: "BOX", Password: "password", SharedKey: "TestKey",
		HTTP: &http.Client{Transport: transport}, Now: c.Now, Wait: c.Wait,
	}
	if change != nil {
		change(&config)
	}
	r, err := receiver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// collected is a Handler that stores the messages that it gets.
type collected struct{ messages []receiver.Message }

func (c *collected) handle(_ context.Context, m receiver.Message) error {
	c.messages = append(c.messages, m)
	return nil
}

func (c *collected) ids() []string {
	var ids []string
	for _, m := range c.messages {
		ids = append(ids, m.ID)
	}
	return ids
}

func openMemory(t testing.TB, path string, c *clock) *receiver.FileMemory {
	t.Helper()
	m, err := receiver.OpenMemory(path, receiver.MemoryOptions{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

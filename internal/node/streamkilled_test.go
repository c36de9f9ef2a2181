package node_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"nems/client"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
)

// TestStreamKilled kills the program with SIGKILL again and again, while events are
// published, streamed, pulled and acknowledged. What was answered 202 comes; numbers have
// no gaps, and never stand for another event than before; what was acknowledged stays so.
func TestStreamKilled(t *testing.T) {
	for name, database := range map[string]func() string{
		"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			folder, environment := t.TempDir(), crashDatabase+"="+database()
			c := spawn(t, folder, environment)
			access, err := operator.ReadAccess(folder)
			if err != nil {
				t.Fatal(err)
			}
			desk := &operator.Client{Access: access, User: "tester", HTTP: c.http}
			if _, err := operator.PutEndpoint.Do(t.Context(), desk, operator.Endpoint{ID: "FEED", ODS: "RR8", Channel: store.StreamChannel, Form: "message"}); err != nil {
				t.Fatal(err)
			}
			s, err := c.system(nodetest.LeedsID, "RR8").Subscribe(t.Context(), client.Subscription{Criteria: about(nodetest.Jack) + vaccinations, Mailbox: "FEED", Reason: "A test"})
			if err != nil {
				t.Fatal(err)
			}
			l := newLedger(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
			r := &takenEvents{t: t, id: s.ID, seen: map[uint64]string{}}
			for round := range 4 {
				var all sync.WaitGroup
				kill := sync.OnceFunc(func() { _ = c.cmd.Process.Signal(os.Kill) })
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				for range 3 {
					all.Go(func() {
						l.publish(c.system(nodetest.PublisherID, "A83627"), func(n int) {
							if n > 30*(round+1) {
								kill()
							}
						})
					})
				}
				all.Go(func() { r.follow(ctx, c) })
				all.Go(func() { r.pull(ctx, c) })
				_ = c.cmd.Wait()
				cancel()
				all.Wait()
				c = spawn(t, folder, environment)
			}
			r.all(c, l.accepted)
		})
	}
}

// takenEvents is what readers have got.
type takenEvents struct {
	t     *testing.T
	id    string
	mu    sync.Mutex
	seen  map[uint64]string
	acked uint64
}

func (r *takenEvents) note(n client.Numbered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.Event == nil {
		r.t.Errorf("%+v", n)
		return
	}
	if before, known := r.seen[n.Number]; known && before != n.Event.Data {
		r.t.Errorf("number %d stands for another event than before", n.Number)
	}
	r.seen[n.Number] = n.Event.Data
}

// follow reads a stream until the service is killed.
func (r *takenEvents) follow(ctx context.Context, c *child) {
	for n, err := range c.system(nodetest.LeedsID, "RR8").Stream(ctx, r.id, "") {
		if err != nil {
			r.t.Error(err)
			return
		}
		r.note(n)
	}
}

// pull reads and acknowledges until the service is killed.
func (r *takenEvents) pull(ctx context.Context, c *child) {
	leeds := c.system(nodetest.LeedsID, "RR8")
	for {
		got, err := leeds.Pull(ctx, r.id, client.Pull{Wait: time.Second, Max: 7})
		if err != nil {
			return
		}
		for _, n := range got.Events {
			r.note(n)
		}
		if len(got.Events) == 0 {
			continue
		}
		if r.acked, err = leeds.Ack(ctx, r.id, got.Epoch, got.Number); err != nil {
			r.acked = 0 // not known
			return
		}
	}
}

// all reads everything from the beginning.
func (r *takenEvents) all(c *child, accepted map[string]bool) {
	ctx, leeds := r.t.Context(), c.system(nodetest.LeedsID, "RR8")
	rest, err := leeds.Pull(ctx, r.id, client.Pull{Wait: time.Second})
	if err != nil || len(rest.Events) > 0 && rest.Events[0].Number <= r.acked {
		r.t.Errorf("after %d was acknowledged: %+v, %v", r.acked, rest, err)
	}
	came := map[string]bool{}
	after, next, deadline := fmt.Sprintf("%d-0", rest.Epoch), uint64(1), time.Now().Add(time.Minute)
	for missing := true; missing; {
		got, err := leeds.Pull(ctx, r.id, client.Pull{After: after, Wait: time.Second})
		if err != nil || time.Now().After(deadline) {
			r.t.Fatalf("%d of %d came: %v", len(came), len(accepted), err)
		}
		for _, n := range got.Events {
			if n.Number != next || n.Gap != nil {
				r.t.Fatalf("number %d: %+v", next, n)
			}
			r.note(n)
			next, came[n.Event.Data] = next+1, true
		}
		after, missing = got.Next, false
		for m := range accepted {
			missing = missing || !came[m]
		}
	}
	r.t.Logf("%d answered 202, %d numbers", len(accepted), next-1)
}

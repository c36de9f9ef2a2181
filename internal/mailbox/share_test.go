package mailbox_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
)

// ask sends a GET over a connection of its own.
func (fx *fixture) ask(ctx context.Context, path, token string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, fx.http.URL+"/messageexchange/"+path, nil)
	if err != nil {
		return nil, err
	}
	q.Header = http.Header{"Authorization": {token}, "Accept": {mesh.MediaV2}}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer, err
}

// wait waits for a condition.
func (fx *fixture) wait(what string, met func() bool) {
	fx.t.Helper()
	for end := time.Now().Add(20 * time.Second); !met(); runtime.Gosched() {
		if time.Now().After(end) {
			fx.t.Fatal(what)
		}
	}
}

// gatedBoxes delays ALICE's lists until the gate opens.
type gatedBoxes struct {
	*failingBoxes
	gate       chan struct{}
	here, most atomic.Int64 // number of ALICE's lists at a time
	nonces     atomic.Int64
}

func (b *gatedBoxes) List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error) {
	if q.Mailbox == 1 {
		b.most.Store(max(b.most.Load(), b.here.Add(1)))
		<-b.gate
		b.here.Add(-1)
	}
	return b.failingBoxes.List(ctx, q)
}

func (b *gatedBoxes) UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error) {
	b.nonces.Add(1)
	return b.failingBoxes.UseNonce(ctx, digest, at)
}

// Of a mailbox's requests a few are in progress at a time, some wait, and further
// ones are refused without using up their token. Meanwhile other mailboxes are
// served, and so are the mailbox's own downloads.
func TestShareOfAMailbox(t *testing.T) {
	at := &clock{at: testStart}
	boxes := &gatedBoxes{failingBoxes: newBoxes(t, at.now), gate: make(chan struct{})}
	var crowded atomic.Int64
	fx := fixtureOver(t, boxes, at, func(c *mailbox.Config) {
		c.Share = mailbox.Share{Reading: 2, Waiting: 3}
		c.TurnedAway = func(_ *http.Request, box string, why mailbox.Reason) {
			if box == "ALICE" && why == mailbox.Crowded {
				crowded.Add(1)
			}
		}
	})
	toAlice := fx.send("BOB", "ALICE", "W", "x")
	before := boxes.nonces.Load()
	refused, served := make(chan string, 20), make(chan int, 20)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			token := fx.token("ALICE")
			answer, err := fx.ask(ctx, "ALICE/inbox", token)
			switch {
			case err != nil:
				t.Error(err)
			case answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "1":
				refused <- token
			default:
				served <- answer.StatusCode
			}
		})
	}
	fx.wait("15 of 20 are refused", func() bool { return crowded.Load() == 15 })
	fx.wait("two are worked on", func() bool { return boxes.here.Load() == 2 })
	if n := boxes.nonces.Load() - before; n != 2 {
		t.Errorf("%d tokens were spent", n)
	}
	for _, request := range []struct{ path, box string }{{"BOB/inbox", "BOB"}, {"ALICE/inbox/" + toAlice, "ALICE"}} {
		if answer, err := fx.ask(ctx, request.path, fx.token(request.box)); err != nil || answer.StatusCode != 200 {
			t.Errorf("%s meanwhile: %v", request.path, err)
		}
	}
	close(boxes.gate)
	all.Wait()
	close(served)
	for status := range served {
		if status != 200 {
			t.Errorf("who waited is answered %d", status)
		}
	}
	if boxes.most.Load() != 2 {
		t.Errorf("%d at a time", boxes.most.Load())
	}
	if answer, err := fx.ask(ctx, "ALICE/inbox", <-refused); err != nil || answer.StatusCode != 200 {
		t.Errorf("the token of a refused request: %v", err)
	}
}

// A request that waits too long is refused. A request whose caller has gone
// leaves the queue.
func TestWaitingEnds(t *testing.T) {
	at := &clock{at: testStart}
	boxes := &gatedBoxes{failingBoxes: newBoxes(t, at.now), gate: make(chan struct{})}
	fx := fixtureOver(t, boxes, at, func(c *mailbox.Config) {
		c.Share = mailbox.Share{Reading: 1, Waiting: 1, Patience: time.Millisecond}
	})
	first := make(chan error, 1)
	go func() {
		_, err := fx.ask(ctx, "ALICE/inbox", fx.token("ALICE"))
		first <- err
	}()
	fx.wait("the first is worked on", func() bool { return boxes.here.Load() == 1 })
	for range 3 { // each finds the other's place in line free again
		answer, err := fx.ask(ctx, "ALICE/inbox", fx.token("ALICE"))
		if err != nil || answer.StatusCode != 503 {
			t.Errorf("behind it: %+v, %v", answer, err)
		}
	}
	close(boxes.gate)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// deepBoxes gives everybody a large inbox, in which one message in ten thousand has
// the workflow WF. If listed is set, the inbox is endless and listed is called for
// each slice.
type deepBoxes struct {
	*failingBoxes
	depth  int
	listed func()

	mu               sync.Mutex
	here             map[int64]int // slices that are being read
	mostOfAll, ofOne int
	longest          int
}

func (b *deepBoxes) List(_ context.Context, q store.InboxQuery) ([]store.Listed, error) {
	if b.listed != nil {
		b.listed()
	}
	b.enter(q, 1)
	defer b.enter(q, -1)
	var page []store.Listed
	for at := q.After + 1; len(page) < q.Max && (b.listed != nil || at <= store.EventID(b.depth)); at++ {
		workflow := "OTHER"
		if at%10_000 == 0 && b.listed == nil {
			workflow = "WF"
		}
		page = append(page, store.Listed{Position: at, Workflow: workflow})
	}
	return page, nil
}

// enter counts the slices being read, except the first of each request.
func (b *deepBoxes) enter(q store.InboxQuery, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.longest = max(b.longest, q.Max)
	if q.After == 0 {
		return
	}
	b.here[q.Mailbox] += n
	all := 0
	for _, n := range b.here {
		all += n
	}
	b.mostOfAll, b.ofOne = max(b.mostOfAll, all), max(b.ofOne, b.here[q.Mailbox])
}

// Filtered lists of a large inbox are read in slices, one at a time for each
// mailbox and few at a time in total, so that others get their turn.
func TestFilteredListsAreReadInSlices(t *testing.T) {
	at := &clock{at: testStart}
	boxes := &deepBoxes{failingBoxes: newBoxes(t, at.now), depth: 30_000, here: map[int64]int{}}
	fx := fixtureOver(t, boxes, at)
	var all sync.WaitGroup
	for i := range 12 {
		box := []string{"ALICE", "BOB", "BARRY"}[i%3]
		bob := fx.client(box)
		all.Go(func() {
			for _, filter := range []string{"WF", "*WF*", "!OTHER"} {
				in, err := bob.List(ctx, mesh.ListQuery{Workflow: mustFilter(t, filter)})
				if err != nil || len(in.Messages) != 3 {
					t.Errorf("%s: %d messages, %v", filter, len(in.Messages), err)
				}
			}
		})
	}
	all.Wait()
	few := max(1, runtime.GOMAXPROCS(0)/2)
	if boxes.ofOne > 1 || boxes.mostOfAll > few || boxes.longest > 2000 {
		t.Errorf("%d slices of one mailbox at a time, %d of all (at most %d), of up to %d rows", boxes.ofOne, boxes.mostOfAll, few, boxes.longest)
	}
}

func mustFilter(t *testing.T, text string) mesh.WorkflowFilter {
	f, err := mesh.ParseWorkflowFilter(text)
	if err != nil {
		t.Error(err)
	}
	return f
}

// A search stops when its caller has gone.
func TestSearchEndsWithItsCaller(t *testing.T) {
	at := &clock{at: testStart}
	gone, leave := context.WithCancel(ctx)
	var lists atomic.Int64
	boxes := &deepBoxes{failingBoxes: newBoxes(t, at.now), here: map[int64]int{}, listed: func() {
		if lists.Add(1) == 10 {
			leave()
		}
	}}
	fx := fixtureOver(t, boxes, at)
	if _, err := fx.ask(gone, "ALICE/inbox?workflow_filter=WX", fx.token("ALICE")); err == nil {
		t.Error("an endless search ended")
	}
	fx.http.Close() // waits until the request has ended
}

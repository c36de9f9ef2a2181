package nation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nems/client"
	"nems/internal/operator"
)

// Load is one run. Its fields are set before Run.
type Load struct {
	// Multiple of the nation's mean rate. Span is how long it is put on.
	Multiple float64
	Span     time.Duration
	// Connections is how many messages are under way at most.
	Connections int
	// Patients is how many people are sampled; Explicit how many explicit subscriptions
	// there are to others; NationalExplicit how many the nation has, of which the sample
	// gets its share; Mailboxes how many the copies go to, and Collectors collect.
	Patients, Explicit, NationalExplicit, Mailboxes, Collectors int
	Seed                                                        uint64

	// Spine and Provider publish, Subscriber subscribes for SubscriberODS.
	Spine, Provider, Subscriber *client.Client
	SubscriberODS               string
	// Mailbox opens a mailbox.
	Mailbox  func(id string) (*client.Mailbox, error)
	Password string // of the mailboxes that are made
	// Desk makes patients, mailboxes and subscriptions; nil where the service has them.
	Desk operator.Face
	// Metrics is the address of the service's metrics; "" where they are not known.
	Metrics string
	// Disk tells how many bytes the service uses; nil where that is not known.
	Disk func() int64
	// Say tells of progress.
	Say func(format string, args ...any)

	people, children []person
	others           []string // NHS numbers of people outside the sample
	subscriptions    int
	kinds            []Kind

	mu        sync.Mutex
	latencies []time.Duration // from when a message was due to its answer
	waits     []time.Duration // from the answer to the copy's collection
	answered  map[string]time.Time
	refused   map[string]int
	byEvent   map[string]int
	late      atomic.Int64 // messages that found no free connection when they were due
	sent      atomic.Int64
	copies    atomic.Int64
}

// job is one message to send.
type job struct {
	event string
	body  []byte
	id    string
	due   time.Time
}

// Run prepares the service, puts the load on it and reports.
func (l *Load) Run(ctx context.Context) (*Report, error) {
	var err error
	if l.kinds, err = Model(); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	l.answered, l.refused, l.byEvent = map[string]time.Time{}, map[string]int{}, map[string]int{}
	before := l.measure()
	rate := MessagesPerSecond(l.kinds) * l.Multiple
	l.Say("publishing %.1f messages a second for %s", rate, l.Span)
	collecting, stop := context.WithCancel(ctx)
	var collectors sync.WaitGroup
	for n := range l.Collectors {
		collectors.Go(func() { l.collect(collecting, n) })
	}
	err = l.publish(ctx, rate)
	during := l.measure()
	backlog := l.drain(ctx)
	stop()
	collectors.Wait()
	if err != nil {
		return nil, err
	}
	return l.report(rate, before, during, backlog), nil
}

// publish sends messages as they are due, whatever the service's answers take: those
// that wait are counted from when they were due.
func (l *Load) publish(ctx context.Context, rate float64) error {
	r := rand.New(rand.NewPCG(l.Seed, 1))
	jobs := make(chan job, l.Connections)
	var publishers sync.WaitGroup
	for range l.Connections {
		publishers.Go(func() {
			for j := range jobs {
				l.send(ctx, j)
			}
		})
	}
	defer publishers.Wait()
	defer close(jobs)
	begin := time.Now()
	for due := begin; due.Before(begin.Add(l.Span)); {
		kind := draw(r, l.kinds)
		who := l.people[r.IntN(len(l.people))]
		if kind.Child {
			who = l.children[r.IntN(len(l.children))]
		}
		for _, event := range kind.Events {
			body, err := who.message(event, kind, r)
			if err != nil {
				return fmt.Errorf("%s: %w", event, err)
			}
			if err := wait(ctx, time.Until(due)); err != nil {
				return err
			}
			if len(jobs) == cap(jobs) {
				l.late.Add(1)
			}
			jobs <- job{event, body, messageID(body), due}
			due = due.Add(time.Duration(r.ExpFloat64() / rate * float64(time.Second)))
		}
		if behind := time.Since(due); behind > l.Span { // hopeless: the rate is far beyond the limit
			break
		}
		if time.Since(begin) > 2*l.Span {
			break
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// messageID is MessageHeader.id.
func messageID(body []byte) string {
	_, after, _ := strings.Cut(string(body), `<MessageHeader`)
	_, after, _ = strings.Cut(after, `<id value="`)
	id, _, _ := strings.Cut(after, `"`)
	return id
}

func (l *Load) send(ctx context.Context, j job) {
	c := l.Provider
	if strings.HasPrefix(j.event, "pds-") {
		c = l.Spine
	}
	_, err := c.Publish(ctx, j.body)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.refused[reason(err)]++
		return
	}
	l.sent.Add(1)
	l.latencies = append(l.latencies, now.Sub(j.due))
	l.byEvent[j.event]++
	l.answered[j.id] = now
}

// reason says in a few words why a message was not accepted.
func reason(err error) string {
	var refused *client.Error
	if errors.As(err, &refused) {
		code := ""
		if len(refused.Issues) > 0 {
			code = " " + refused.Issues[0].Code
		}
		return fmt.Sprintf("%d %s%s", refused.Status, http.StatusText(refused.Status), code)
	}
	return "no answer"
}

// collect empties every Collectors-th mailbox, over and over.
func (l *Load) collect(ctx context.Context, n int) {
	for {
		found := 0
		for b := n; b < l.Mailboxes; b += l.Collectors {
			found += l.empty(ctx, box(b))
		}
		if found == 0 && wait(ctx, 200*time.Millisecond) != nil || ctx.Err() != nil {
			return
		}
	}
}

// empty collects what a mailbox lists, and says how many copies that were.
func (l *Load) empty(ctx context.Context, id string) (n int) {
	m, err := l.Mailbox(id)
	if err != nil {
		return 0
	}
	ids, err := m.List(ctx)
	if err != nil {
		return 0
	}
	for _, copied := range ids {
		c, err := m.Download(ctx, copied)
		if err != nil || m.Acknowledge(ctx, copied) != nil {
			return n
		}
		n++
		l.copies.Add(1)
		l.mu.Lock()
		if at, known := l.answered[messageID(c.Body)]; known {
			l.waits = append(l.waits, time.Since(at))
		}
		l.mu.Unlock()
	}
	return n
}

// settleWithin is how long a backlog may take.
const settleWithin = time.Minute

// drain waits until nothing comes any more, and says how long that took.
func (l *Load) drain(ctx context.Context) time.Duration {
	begin, last, since := time.Now(), l.copies.Load(), time.Now()
	for time.Since(begin) < settleWithin && time.Since(since) < 2*time.Second && wait(ctx, 100*time.Millisecond) == nil {
		if now := l.copies.Load(); now != last {
			last, since = now, time.Now()
		}
	}
	return since.Sub(begin)
}

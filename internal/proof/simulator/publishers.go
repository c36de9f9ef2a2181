package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"nems/internal/access"
	"nems/internal/catalogue/example"
	"nems/internal/refuse"
	"nems/internal/store"
)

// codes are the event types of the simulated world.
var codes = []string{"vaccinations-1", "professional-contacts-1"}

// bundleID is replaced in the messages by an id for each publication.
const bundleID = "00000000-0000-4000-8000-000000000000"

// messages are examples of each event type about each patient. The wrong ones
// have a family name that is not in the directory.
var messages = sync.OnceValues(func() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, code := range codes {
		for _, person := range people {
			for _, wrong := range []bool{false, true} {
				n := -1
				g := example.Generator{
					NewID: func() string { n++; return fmt.Sprintf("%08d-0000-4000-8000-%012d", 0, n) },
					Now:   func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) },
				}
				p := person
				if wrong {
					p.Family = "ELSEWHERE"
				}
				m, err := g.Message(code, "new", p)
				if err != nil {
					return nil, err
				}
				out[template(code, person.NHSNumber, wrong)] = m
			}
		}
	}
	return out, nil
})

func template(code, number string, wrong bool) string { return fmt.Sprint(code, number, wrong) }

// publisher publishes, and tries again when it does not learn the outcome.
type publisher struct {
	*thread
	callers map[string]access.Caller // by event code
	number  int
}

func newCaller(s access.System, interaction string) access.Caller {
	i, _ := access.ParseInteraction(interaction)
	return access.Caller{System: s, ASID: s.ASID, ODS: s.ODSCodes[0], Claimed: true, Interaction: i, Body: access.DefaultMedia, Answer: access.DefaultMedia}
}

func (sim *simulation) publisher(number int, s access.System) *publisher {
	p := &publisher{thread: sim.thread(fmt.Sprint("publisher", number)), number: number, callers: map[string]access.Caller{}}
	for _, code := range codes {
		t, _ := sim.types.Type(code)
		p.callers[code] = newCaller(s, access.PublishInteraction(t.Interaction))
	}
	return p
}

func (p *publisher) run(n int) {
	all, err := messages()
	if err != nil {
		p.sim.book.wrong("no messages: %v", err)
		return
	}
	for i := range n {
		p.sleep(100*time.Millisecond, 8*time.Second)
		code, person := codes[p.below(len(codes))], people[p.below(len(people))]
		pub := &publication{name: fmt.Sprintf("message %d.%d", p.number, i), number: person.NHSNumber, code: code, wrong: p.happens(6)}
		id := fmt.Sprintf("%08d-0000-4000-8000-%012d", p.number+1, i)
		pub.body = bytes.Replace(all[template(code, person.NHSNumber, pub.wrong)], []byte(bundleID), []byte(id), 1)
		if p.happens(50) {
			pub.key = pub.name
		}
		p.sim.book.mu.Lock()
		p.sim.book.publications = append(p.sim.book.publications, pub)
		p.sim.book.mu.Unlock()
		p.publish(pub)
	}
}

// publish tries until there is an answer, or until its patience ends. With a
// key, all attempts must make one event; sometimes it tries again although it
// knows the outcome.
func (p *publisher) publish(pub *publication) {
	for try := range 8 {
		n := p.node()
		if n == nil {
			p.sleep(200*time.Millisecond, time.Second)
			continue
		}
		a := p.attempt(n, pub)
		p.sim.book.mu.Lock()
		pub.attempts = append(pub.attempts, a)
		p.sim.book.mu.Unlock()
		p.log("%s of %s to %s, keyed %v: %s", pub.name, pub.code, n.name, pub.key != "", a.answer)
		switch again := pub.key != "" && p.happens(10); {
		case a.answer == refused, a.answer == acknowledged && !again:
			return
		case a.answer == unknown && pub.key == "" && p.happens(50):
			p.sim.count(&p.sim.unknown)
			return
		}
		p.sleep(100*time.Millisecond, time.Duration(try+1)*time.Second)
	}
}

// attempt publishes once, now and then without much patience.
func (p *publisher) attempt(n *simNode, pub *publication) attempt {
	ctx, cancel := on(context.Background(), p.thread), context.CancelFunc(func() {})
	if p.happens(5) {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(1+p.below(20))*256*tick)
	}
	defer cancel()
	a := attempt{span: span{from: time.Now()}}
	got, err := n.broker.Publish(ctx, p.callers[pub.code], pub.body, pub.key)
	a.to, a.event = time.Now(), got.Event
	if a.answer = p.judge(err); a.answer == unknown {
		a.to = time.Time{}
	}
	if a.answer == refused && !pub.wrong {
		p.sim.book.wrong("%s: refused: %v", pub.name, err)
	}
	return a
}

// judge says what an answer means to its caller.
func (t *thread) judge(err error) answer {
	var refusal *refuse.Refusal
	switch {
	case err == nil:
		return acknowledged
	case errors.As(err, &refusal):
		return refused
	case errors.Is(err, store.ErrUnknown):
		return unknown
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrClosed), errors.Is(err, errDisk), temporary(err):
		return unstored
	}
	t.sim.book.wrong("%s: an error of no known kind: %v", t.name, err)
	return unknown
}

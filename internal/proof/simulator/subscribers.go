package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/directory"
	"nems/internal/refuse"
	"nems/internal/store"
)

// temporary reports whether an error is that of a failing patient directory.
func temporary(err error) bool { return errors.Is(err, directory.ErrAway) || errors.Is(err, errPDS) }

// subscriber creates, reads and deletes subscriptions, each with a tag of its
// own.
type subscriber struct {
	*thread
	create, read, remove access.Caller
	number               int
}

func (sim *simulation) subscriber(number int, s access.System) *subscriber {
	return &subscriber{
		thread: sim.thread(fmt.Sprint("subscriber", number)), number: number,
		create: newCaller(s, access.CreateInteraction), read: newCaller(s, access.ReadInteraction), remove: newCaller(s, access.DeleteInteraction),
	}
}

func (s *subscriber) run(n int) {
	for i := range n {
		if i > 1 {
			s.sleep(10*time.Millisecond, 6*time.Second)
		}
		w := s.wish(i)
		id := s.subscribe(w)
		if id == "" {
			continue
		}
		if i < 2 {
			continue // it stays, so that somebody receives the events
		}
		s.sleep(10*time.Millisecond, 10*time.Second)
		s.check(w, id, false)
		if s.happens(60) {
			s.sleep(10*time.Millisecond, 20*time.Second)
			s.unsubscribe(w, id)
		}
	}
}

// wish makes up a subscription.
func (s *subscriber) wish(i int) *wish {
	w := &wish{tag: fmt.Sprintf("tag%dx%d", s.number, i), box: boxes[s.below(len(boxes))].ID, code: codes[s.below(len(codes))], asked: time.Now()}
	if s.happens(60) {
		w.number = people[s.below(len(people))].NHSNumber
	} else {
		w.practice = practices[s.below(len(practices))]
	}
	if s.happens(25) {
		w.end = time.Now().Add(time.Duration(5+s.below(60)) * time.Second).Truncate(time.Second)
	}
	s.sim.book.mu.Lock()
	defer s.sim.book.mu.Unlock()
	s.sim.book.wishes = append(s.sim.book.wishes, w)
	return w
}

// resource returns the request to create the subscription (NEMS specification,
// "Create Subscription").
func (w *wish) resource() []byte {
	criteria := "/Bundle?type=message&MessageHeader.event=" + w.code + "&tag=" + w.tag
	if w.number != "" {
		criteria += "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + w.number
	} else {
		criteria += "&serviceType=GP&Organization.identifier=" + w.practice + "&subscriptionRuleType=GP_GP_GP"
	}
	end := ""
	if !w.end.IsZero() {
		end = `<end value="` + w.end.UTC().Format(time.RFC3339) + `"/>`
	}
	return []byte(`<Subscription xmlns="http://hl7.org/fhir"><meta><profile value="https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"/></meta>` +
		`<status value="requested"/><contact><system value="url"/><value value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/><use value="work"/></contact>` +
		end + `<reason value="simulated"/><criteria value="` + strings.ReplaceAll(criteria, "&", "&amp;") + `"/>` +
		`<channel><type value="message"/><endpoint value="` + w.box + `"/></channel></Subscription>`)
}

// node picks one that runs, or nil.
func (t *thread) node() *simNode {
	if n := t.sim.machines[t.below(len(t.sim.machines))].at.Load(); n.runs() {
		return n
	}
	return nil
}

// subscribe creates the subscription and returns its id, or "" if it was not
// told one. If an equal subscription exists already, that is the one it asked
// for.
func (s *subscriber) subscribe(w *wish) string {
	for range 8 {
		if n := s.node(); n != nil {
			got, err := n.broker.Subscribe(on(context.Background(), s.thread), s.create, w.resource())
			said := s.judge(err)
			s.log("subscribes %s for %s to %s at %s, ends %v: %s", w.tag, w.box, w.code, n.name, !w.end.IsZero(), said)
			if said == acknowledged {
				w.alive = time.Now()
				return got.Subscription.ID.String()
			}
			var refusal *refuse.Refusal
			if errors.As(err, &refusal) {
				_, id, exists := strings.Cut(refusal.Issues[0].Diagnostics, "subscription already exists : ")
				if exists {
					w.alive = time.Now()
				} else if w.end.IsZero() {
					s.sim.book.wrong("%s: refused: %v", w.tag, err)
				}
				return id
			}
		}
		s.sleep(100*time.Millisecond, 2*time.Second)
	}
	return ""
}

// check reads the subscription: it must exist until its deletion, and never
// afterwards.
func (s *subscriber) check(w *wish, id string, gone bool) {
	n := s.node()
	if n == nil || !w.end.IsZero() && !gone {
		return
	}
	got, err := n.broker.Read(on(context.Background(), s.thread), s.read, id)
	said := s.judge(err)
	s.log("reads %s at %s: %s", w.tag, n.name, said)
	if said == acknowledged && (gone || got.Criteria.Tag != w.tag) || said == refused && !gone {
		s.sim.book.wrong("%s: read after its deletion %v: %v", w.tag, gone, err)
	}
}

func (s *subscriber) unsubscribe(w *wish, id string) {
	w.ending = time.Now()
	for range 8 {
		if n := s.node(); n != nil {
			said := s.judge(n.broker.Unsubscribe(on(context.Background(), s.thread), s.remove, id))
			s.log("deletes %s at %s: %s", w.tag, n.name, said)
			if said == refused && !w.end.IsZero() {
				return // ended by this node's clock, perhaps not yet by the other's
			}
			if said == acknowledged || said == refused { // it does not exist: an earlier attempt deleted it
				w.gone = time.Now()
				s.check(w, id, true)
				return
			}
		}
		s.sleep(100*time.Millisecond, 2*time.Second)
	}
}

// collector empties a mailbox that is served here: list, download, acknowledge.
type collector struct {
	*thread
	box box
}

// run collects until ctx ends.
func (c *collector) run(ctx context.Context) {
	for c.wait(ctx, c.between(500*time.Millisecond, 5*time.Second)) == nil {
		n := c.node()
		if n == nil {
			continue
		}
		db := front{n.db, n}
		waiting, err := db.List(on(context.Background(), c.thread), store.InboxQuery{Mailbox: c.box.Row, Max: 500})
		for _, copied := range waiting {
			if err == nil {
				err = c.collect(db, copied.Position)
			}
		}
	}
}

// collect collects one copy.
func (c *collector) collect(db front, id store.EventID) error {
	ctx := on(context.Background(), c.thread)
	got, err := db.EventMessage(ctx, id)
	if err != nil {
		return err
	}
	delivery := store.DeliveryID(id, c.box.Row)
	c.take(id, delivery, got)
	e := audit.Entry{At: time.Now(), Action: audit.ActionAcknowledge, Object: delivery, Mailbox: c.box.ID}
	err = db.Acknowledge(ctx, c.box.Row, id, time.Now(), &e)
	c.log("collected %s: %s", c.sim.book.name(id), c.judge(err))
	return err
}

// take records a download in the book.
func (c *collector) take(id store.EventID, delivery string, got []byte) {
	b := c.sim.book
	b.mu.Lock()
	b.downloaded[delivery] = true
	known := slices.ContainsFunc(b.publications, func(p *publication) bool { return bytes.Equal(p.body, got) })
	b.mu.Unlock()
	if !known {
		b.wrong("%s was downloaded with bytes that nobody published", b.name(id))
	}
}

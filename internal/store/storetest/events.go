package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

func eventIsDeliveredUnchanged(t *testing.T, th *harness) {
	box := th.mailbox("MAILBOX1")
	sub := th.subscribe("mailbox1", ofPatient(jack, vaccination)+"&tag=abc")
	r := th.publish()
	if r.Copies != 1 || r.Repeated {
		t.Errorf("receipt: %+v", r)
	}
	all := th.inbox(box)
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	m := all[0]
	if m.Position != r.Event || m.Mailbox != box || m.Recipient != "MAILBOX1" || m.Sender != "X26NEMS" || m.Workflow != "VACCINATIONS_1" ||
		m.EventCode != vaccination || m.Type != store.Data || m.Status != store.Waiting || m.Chunks != 1 || m.LocalID == "" ||
		m.PartnerID != sub.ID.String()+"|abc" || m.Size != int64(len(message(1))) || m.ContentType != "application/fhir+xml" ||
		!m.Expires.After(m.StatusAt) || m.SenderODS != "X26" || m.RecipientODS != "RR8" {
		t.Errorf("message: %+v", m)
	}
	if got := th.download(m, 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}
	th.wantError("chunk 2", th.Chunk(th.ctx(), &m, 2, &bytes.Buffer{}), store.ErrNotFound)
	one, err := th.Message(th.ctx(), box, r.Event)
	th.must(err)
	if one != m {
		t.Errorf("alone: %+v, in the list: %+v", one, m)
	}
	_, err = th.Message(th.ctx(), box+1, r.Event)
	th.wantError("another's message", err, store.ErrNotFound)
}

// situation is one event against one subscription.
type situation struct {
	name     string
	criteria string
	change   func(*store.Acceptance)
	want     int
}

func keys(k ...subscription.RouteKey) func(*store.Acceptance) {
	return func(a *store.Acceptance) { a.Facts.Keys = k }
}

func born(y int, m time.Month, d int) func(*store.Acceptance) {
	return func(a *store.Acceptance) { a.Facts.BirthDate = time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
}

func registered(yes bool) func(*store.Acceptance) {
	return func(a *store.Acceptance) { a.Facts.Registered = &yes }
}

func nothing(*store.Acceptance) {}

// situations are judged as of the epoch, 1 March 2026.
var situations = []situation{
	{"the patient", ofPatient(jack, vaccination), nothing, 1},
	{"another patient", ofPatient(other, vaccination), nothing, 0},
	{"another event", ofPatient(jack, "pds-change-of-gp-1"), nothing, 0},
	{"one of several events", ofPatient(jack, "pds-change-of-gp-1", vaccination), nothing, 1},
	{"practice", ofRule("GP_GP_GP", "B86056", vaccination), keys(subscription.RouteKey{Kind: subscription.ByPractice, Value: "B86056"}), 1},
	{"another practice", ofRule("GP_GP_GP", "B86056", vaccination), keys(subscription.RouteKey{Kind: subscription.ByPractice, Value: "B85612"}), 0},
	{"ICB sub-location by GP", ofRule("CHO_GP_CCG", "02V", vaccination), keys(subscription.RouteKey{Kind: subscription.BySubICBOfGP, Value: "02V"}), 1},
	{"the same code by postcode", ofRule("CHO_POSTCODE_CCG", "02V", vaccination), keys(subscription.RouteKey{Kind: subscription.BySubICBOfGP, Value: "02V"}), 0},
	{"local authority", ofRule("UHV_POSTCODE_LACODE", "E08000035", vaccination), keys(subscription.RouteKey{Kind: subscription.ByLocalAuthority, Value: "E08000035"}), 1},
	{"country", ofRule("COUNTRYCODE", "E92000001", vaccination), keys(subscription.RouteKey{Kind: subscription.ByCountry, Value: "E92000001"}), 1},
	{"the old area of two", ofRule("UHV_POSTCODE_LACODE", "E08000034", vaccination), keys(
		subscription.RouteKey{Kind: subscription.ByLocalAuthority, Value: "E08000035"}, subscription.RouteKey{Kind: subscription.ByLocalAuthority, Value: "E08000034"}), 1},
	{"no facts at all", ofPatient(jack, vaccination), keys(), 0},
	{"below an age", ofPatient(jack, vaccination) + "&Patient.age=lt5", born(2021, 3, 2), 1},
	{"birthday today", ofPatient(jack, vaccination) + "&Patient.age=lt5", born(2021, 3, 1), 0},
	{"of an age", ofPatient(jack, vaccination) + "&Patient.age=5", born(2021, 3, 1), 1},
	{"age of an unknown birth date", ofPatient(jack, vaccination) + "&Patient.age=lt5", nothing, 0},
	{"with a GP", ofRule("COUNTRYCODE", "E92000001", vaccination) + "&GPRegistration=RegisteredOnly", func(a *store.Acceptance) {
		keys(subscription.RouteKey{Kind: subscription.ByCountry, Value: "E92000001"})(a)
		registered(true)(a)
	}, 1},
}

func matchingSituations(t *testing.T, th *harness) {
	for i, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			id := fmt.Sprintf("SITUATION%d", i)
			th.mailbox(id)
			if _, err := subscription.ParseCriteria("/Bundle?type=message" + s.criteria); err != nil {
				t.Fatal(err)
			}
			sub := th.subscribe(id, s.criteria)
			a := th.acceptance(jack, message(i))
			s.change(&a)
			r, err := th.AcceptEvent(th.ctx(), a)
			th.must(err)
			if r.Copies != s.want {
				t.Errorf("expected %d copies, got %d", s.want, r.Copies)
			}
			th.must(th.Delete(th.ctx(), sub.ID, entry("delete")))
			a.Event = th.NextPosition()
			if r, err = th.AcceptEvent(th.ctx(), a); err != nil || r.Copies != 0 {
				t.Errorf("after the deletion: %d copies, %v", r.Copies, err)
			}
		})
	}
}

// matchingTogether has all situations subscribed at once: each event finds its
// own, and those that it happens to satisfy as well, as Match alone says.
func matchingTogether(t *testing.T, th *harness) {
	var candidates []subscription.Candidate
	for i, s := range situations {
		id := fmt.Sprintf("SITUATION%d", i)
		row := th.mailbox(id)
		sub := th.subscribe(id, s.criteria)
		for _, e := range sub.Criteria.Events {
			if e == vaccination {
				candidates = append(candidates, subscription.Candidate{ID: sub.ID, Mailbox: row, Key: sub.Criteria.Key(), Ages: sub.Criteria.Ages,
					Registration: sub.Criteria.Registration, Status: sub.Status})
			}
		}
	}
	for _, s := range situations {
		a := th.acceptance(jack, message(1))
		s.change(&a)
		r, err := th.AcceptEvent(th.ctx(), a)
		th.must(err)
		want := subscription.Match(candidates, a.Facts)
		if r.Copies != len(want) || s.want > len(want) {
			t.Errorf("%s: expected %d copies, got %d", s.name, len(want), r.Copies)
		}
		for _, c := range want {
			m, err := th.Message(th.ctx(), c.Mailbox, r.Event)
			if err != nil || m.PartnerID != c.PartnerID {
				t.Errorf("%s: mailbox %d: %+v, %v", s.name, c.Mailbox, m, err)
			}
		}
	}
	// Three subscriptions of one mailbox make one copy; three sends make three.
	box := th.mailbox("THREE")
	for _, tag := range []string{"a", "b", "c"} {
		th.subscribe("THREE", ofPatient(other, vaccination)+"&tag="+tag)
	}
	for range 3 {
		a := th.acceptance(other, message(7))
		_, err := th.AcceptEvent(th.ctx(), a)
		th.must(err)
	}
	for _, m := range th.inbox(box) {
		if n := bytes.Count([]byte(m.PartnerID), []byte("~~~")); n != 2 {
			t.Errorf("partner id with %d separators", n)
		}
	}
	if n, err := th.Count(th.ctx(), box); n != 3 || err != nil {
		t.Errorf("%d copies, %v", n, err)
	}
}

func largeBody(t *testing.T, th *harness) {
	box := th.mailbox("LARGE")
	th.subscribe("LARGE", ofPatient(jack, vaccination))
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 3_000_000} {
		body := make([]byte, size)
		_, _ = random.Read(body)
		r := th.publish(func(a *store.Acceptance) { a.Body = store.Compress(body, sha256.Sum256(body)) })
		m, err := th.Message(th.ctx(), box, r.Event)
		th.must(err)
		if m.Size != int64(size) || !bytes.Equal(th.download(m, 1), body) {
			t.Errorf("%d bytes came back changed", size)
		}
	}
}

// Whose record says whether an event may flow comes back with its message.
func eventPatient(t *testing.T, th *harness) {
	for _, patient := range []nhs.NHSNumber{jack, {}} {
		r := th.publish(func(a *store.Acceptance) { a.Patient = patient })
		e, err := th.Event(th.ctx(), r.Event)
		th.must(err)
		if e.Patient == nil || *e.Patient != patient || !bytes.Equal(e.Message, message(1)) {
			t.Errorf("about %q, %d bytes", e.Patient.Digits(), len(e.Message))
		}
	}
	_, err := th.Event(th.ctx(), 1)
	th.wantError("no such event", err, store.ErrNotFound)
}

func withheld(t *testing.T, th *harness) {
	box := th.mailbox("WITHHELD")
	th.subscribe("WITHHELD", ofPatient(jack, vaccination))
	r := th.publish(func(a *store.Acceptance) { a.Withheld = true })
	if r.Copies != 0 {
		t.Errorf("%d copies of a withheld event", r.Copies)
	}
	th.wantInbox("withheld", box)
	body, err := th.EventMessage(th.ctx(), r.Event)
	if err != nil || !bytes.Equal(body, message(1)) {
		t.Errorf("the message was not kept: %v", err)
	}
	_, err = th.EventMessage(th.ctx(), r.Event+1)
	th.wantError("no such event", err, store.ErrNotFound)
}

func idempotency(t *testing.T, th *harness) {
	box := th.mailbox("KEYS")
	th.subscribe("KEYS", ofPatient(jack, vaccination))
	key := func(asid, key string, n int) func(a *store.Acceptance) {
		return func(a *store.Acceptance) {
			a.Idempotency = &store.Idempotency{ASID: "300000000161", Key: key}
			if asid != "" {
				a.Idempotency.ASID = "300000000162"
			}
			a.Body = store.Compress(message(n), sha256.Sum256(message(n)))
		}
	}
	first := th.publish(key("", "k", 1))
	again := th.publish(key("", "k", 1))
	if !again.Repeated || again.Event != first.Event || again.Copies != 1 {
		t.Errorf("repeated: %+v", again)
	}
	th.wantInbox("repeated", box, first.Event)
	a := th.acceptance(jack, message(2))
	key("", "k", 2)(&a)
	_, err := th.AcceptEvent(th.ctx(), a)
	th.wantError("other bytes", err, store.ErrKeyReused)
	th.wantInbox("refused", box, first.Event)
	second := th.publish(key("another system", "k", 1))
	third := th.publish(key("", "k2", 1))
	th.clock.advance(24*time.Hour + time.Second)
	th.must(th.Housekeep(th.ctx()))
	fourth := th.publish(key("", "k", 2))
	if second.Repeated || third.Repeated || fourth.Repeated {
		t.Error("another system, another key and the next day are no repetition")
	}
	th.wantInbox("in the end", box, first.Event, second.Event, third.Event, fourth.Event)
}

func fanOut(t *testing.T, th *harness) {
	for _, n := range []int{64, 65, many} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			boxes := th.audience(n)
			r := th.publish()
			if r.Copies != n {
				t.Errorf("%d copies", r.Copies)
			}
			th.wantAudience(boxes, r.Event)
			// Everybody gets the second one too, and once.
			r = th.publish()
			th.wantAudience(boxes, r.Event)
			for _, box := range []int64{boxes[0], boxes[n-1]} {
				m, err := th.Message(th.ctx(), box, r.Event)
				th.must(err)
				if !bytes.Equal(th.download(m, 1), message(1)) {
					t.Error("the copy differs from the message")
				}
			}
		})
	}
}

// audience makes up the number of mailboxes with a subscription to jack to n.
func (th *harness) audience(n int) []int64 {
	th.Helper()
	boxes := make([]int64, n)
	fresh := make([]bool, n)
	var group errgroup.Group
	group.SetLimit(32) // together, so that they share commits
	for i := range n {
		group.Go(func() (err error) {
			m, err := th.Mailbox(th.ctx(), audienceID(i))
			if boxes[i] = m.Row; errors.Is(err, store.ErrNotFound) {
				fresh[i] = true
				boxes[i], err = th.PutMailbox(th.ctx(), store.Mailbox{ID: audienceID(i), ODS: "RR8"})
			}
			return err
		})
	}
	th.must(group.Wait())
	var all []store.Creation
	for i, fresh := range fresh {
		if fresh {
			all = append(all, store.Creation{Subscription: th.subscription(audienceID(i), ofPatient(jack, vaccination)), Audit: entry("subscribe")})
		}
	}
	if len(all) == 0 {
		return boxes
	}
	errs, err := th.SubscribeAll(th.ctx(), all)
	th.must(err)
	for _, err := range errs {
		th.must(err)
	}
	return boxes
}

func audienceID(i int) string { return fmt.Sprintf("AUDIENCE%d", i) }

// wantAudience waits until each mailbox has its copy.
func (th *harness) wantAudience(boxes []int64, event store.EventID) {
	th.Helper()
	missing := boxes
	th.eventually("every mailbox has its copy", func() bool {
		for len(missing) > 0 {
			if _, err := th.Message(th.ctx(), missing[0], event); err != nil {
				return false
			}
			missing = missing[1:]
		}
		return true
	})
}

func fanOutSurvivesCrash(t *testing.T, th *harness) {
	boxes := th.audience(1_100)
	r := th.publish()
	th.fixture.Crash(t)
	th.reopen()
	th.wantAudience(boxes, r.Event)
	for _, box := range boxes[:600] {
		th.wantInbox("after the crash", box, r.Event)
	}
}

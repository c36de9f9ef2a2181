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

func eventIsDeliveredUnchanged(t *testing.T, w *world) {
	box := w.mailbox("MAILBOX1")
	sub := w.subscribe("mailbox1", ofPatient(jack, vaccination)+"&tag=abc")
	r := w.publish()
	if r.Copies != 1 || r.Repeated {
		t.Errorf("receipt: %+v", r)
	}
	all := w.inbox(box)
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
	if got := w.download(m, 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}
	w.wantError("chunk 2", w.Chunk(w.ctx(), &m, 2, &bytes.Buffer{}), store.ErrNotFound)
	one, err := w.Message(w.ctx(), box, r.Event)
	w.must(err)
	if one != m {
		t.Errorf("alone: %+v, in the list: %+v", one, m)
	}
	_, err = w.Message(w.ctx(), box+1, r.Event)
	w.wantError("another's message", err, store.ErrNotFound)
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

func matchingSituations(t *testing.T, w *world) {
	for i, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			id := fmt.Sprintf("SITUATION%d", i)
			w.mailbox(id)
			if _, err := subscription.ParseCriteria("/Bundle?type=message" + s.criteria); err != nil {
				t.Fatal(err)
			}
			sub := w.subscribe(id, s.criteria)
			a := w.acceptance(jack, message(i))
			s.change(&a)
			r, err := w.AcceptEvent(w.ctx(), a)
			w.must(err)
			if r.Copies != s.want {
				t.Errorf("expected %d copies, got %d", s.want, r.Copies)
			}
			w.must(w.Delete(w.ctx(), sub.ID, entry("delete")))
			a.Event = w.NextPosition()
			if r, err = w.AcceptEvent(w.ctx(), a); err != nil || r.Copies != 0 {
				t.Errorf("after the deletion: %d copies, %v", r.Copies, err)
			}
		})
	}
}

// matchingTogether has all situations subscribed at once: each event finds its
// own, and those that it happens to satisfy as well, as Match alone says.
func matchingTogether(t *testing.T, w *world) {
	var candidates []subscription.Candidate
	for i, s := range situations {
		id := fmt.Sprintf("SITUATION%d", i)
		row := w.mailbox(id)
		sub := w.subscribe(id, s.criteria)
		for _, e := range sub.Criteria.Events {
			if e == vaccination {
				candidates = append(candidates, subscription.Candidate{ID: sub.ID, Mailbox: row, Key: sub.Criteria.Key(), Ages: sub.Criteria.Ages,
					Registration: sub.Criteria.Registration, Status: sub.Status})
			}
		}
	}
	for _, s := range situations {
		a := w.acceptance(jack, message(1))
		s.change(&a)
		r, err := w.AcceptEvent(w.ctx(), a)
		w.must(err)
		want := subscription.Match(candidates, a.Facts)
		if r.Copies != len(want) || s.want > len(want) {
			t.Errorf("%s: expected %d copies, got %d", s.name, len(want), r.Copies)
		}
		for _, c := range want {
			m, err := w.Message(w.ctx(), c.Mailbox, r.Event)
			if err != nil || m.PartnerID != c.PartnerID {
				t.Errorf("%s: mailbox %d: %+v, %v", s.name, c.Mailbox, m, err)
			}
		}
	}
	// Three subscriptions of one mailbox make one copy; three sends make three.
	box := w.mailbox("THREE")
	for _, tag := range []string{"a", "b", "c"} {
		w.subscribe("THREE", ofPatient(other, vaccination)+"&tag="+tag)
	}
	for range 3 {
		a := w.acceptance(other, message(7))
		_, err := w.AcceptEvent(w.ctx(), a)
		w.must(err)
	}
	for _, m := range w.inbox(box) {
		if n := bytes.Count([]byte(m.PartnerID), []byte("~~~")); n != 2 {
			t.Errorf("partner id with %d separators", n)
		}
	}
	if n, err := w.Count(w.ctx(), box); n != 3 || err != nil {
		t.Errorf("%d copies, %v", n, err)
	}
}

func largeBody(t *testing.T, w *world) {
	box := w.mailbox("LARGE")
	w.subscribe("LARGE", ofPatient(jack, vaccination))
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 3_000_000} {
		body := make([]byte, size)
		_, _ = random.Read(body)
		r := w.publish(func(a *store.Acceptance) { a.Body = store.Compress(body, sha256.Sum256(body)) })
		m, err := w.Message(w.ctx(), box, r.Event)
		w.must(err)
		if m.Size != int64(size) || !bytes.Equal(w.download(m, 1), body) {
			t.Errorf("%d bytes came back changed", size)
		}
	}
}

// Whose record says whether an event may flow comes back with its message.
func eventPatient(t *testing.T, w *world) {
	for _, patient := range []nhs.NHSNumber{jack, {}} {
		r := w.publish(func(a *store.Acceptance) { a.Patient = patient })
		e, err := w.Event(w.ctx(), r.Event)
		w.must(err)
		if e.Patient == nil || *e.Patient != patient || !bytes.Equal(e.Message, message(1)) {
			t.Errorf("about %q, %d bytes", e.Patient.Digits(), len(e.Message))
		}
	}
	_, err := w.Event(w.ctx(), 1)
	w.wantError("no such event", err, store.ErrNotFound)
}

func withheld(t *testing.T, w *world) {
	box := w.mailbox("WITHHELD")
	w.subscribe("WITHHELD", ofPatient(jack, vaccination))
	r := w.publish(func(a *store.Acceptance) { a.Withheld = true })
	if r.Copies != 0 {
		t.Errorf("%d copies of a withheld event", r.Copies)
	}
	w.wantInbox("withheld", box)
	body, err := w.EventMessage(w.ctx(), r.Event)
	if err != nil || !bytes.Equal(body, message(1)) {
		t.Errorf("the message was not kept: %v", err)
	}
	_, err = w.EventMessage(w.ctx(), r.Event+1)
	w.wantError("no such event", err, store.ErrNotFound)
}

func idempotency(t *testing.T, w *world) {
	box := w.mailbox("KEYS")
	w.subscribe("KEYS", ofPatient(jack, vaccination))
	key := func(asid, key string, n int) func(a *store.Acceptance) {
		return func(a *store.Acceptance) {
			a.Idempotency = &store.Idempotency{ASID: "300000000161", Key: key}
			if asid != "" {
				a.Idempotency.ASID = "300000000162"
			}
			a.Body = store.Compress(message(n), sha256.Sum256(message(n)))
		}
	}
	first := w.publish(key("", "k", 1))
	again := w.publish(key("", "k", 1))
	if !again.Repeated || again.Event != first.Event || again.Copies != 1 {
		t.Errorf("repeated: %+v", again)
	}
	w.wantInbox("repeated", box, first.Event)
	a := w.acceptance(jack, message(2))
	key("", "k", 2)(&a)
	_, err := w.AcceptEvent(w.ctx(), a)
	w.wantError("other bytes", err, store.ErrKeyReused)
	w.wantInbox("refused", box, first.Event)
	second := w.publish(key("another system", "k", 1))
	third := w.publish(key("", "k2", 1))
	w.clock.advance(24*time.Hour + time.Second)
	w.must(w.Housekeep(w.ctx()))
	fourth := w.publish(key("", "k", 2))
	if second.Repeated || third.Repeated || fourth.Repeated {
		t.Error("another system, another key and the next day are no repetition")
	}
	w.wantInbox("in the end", box, first.Event, second.Event, third.Event, fourth.Event)
}

func fanOut(t *testing.T, w *world) {
	for _, n := range []int{64, 65, many} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			boxes := w.audience(n)
			r := w.publish()
			if r.Copies != n {
				t.Errorf("%d copies", r.Copies)
			}
			w.wantAudience(boxes, r.Event)
			// Everybody gets the second one too, and once.
			r = w.publish()
			w.wantAudience(boxes, r.Event)
			for _, box := range []int64{boxes[0], boxes[n-1]} {
				m, err := w.Message(w.ctx(), box, r.Event)
				w.must(err)
				if !bytes.Equal(w.download(m, 1), message(1)) {
					t.Error("the copy differs from the message")
				}
			}
		})
	}
}

// audience makes up the number of mailboxes with a subscription to jack to n.
func (w *world) audience(n int) []int64 {
	w.Helper()
	boxes := make([]int64, n)
	fresh := make([]bool, n)
	var group errgroup.Group
	group.SetLimit(32) // together, so that they share commits
	for i := range n {
		group.Go(func() (err error) {
			m, err := w.Mailbox(w.ctx(), audienceID(i))
			if boxes[i] = m.Row; errors.Is(err, store.ErrNotFound) {
				fresh[i] = true
				boxes[i], err = w.PutMailbox(w.ctx(), store.Mailbox{ID: audienceID(i), ODS: "RR8"})
			}
			return err
		})
	}
	w.must(group.Wait())
	var all []store.Creation
	for i, fresh := range fresh {
		if fresh {
			all = append(all, store.Creation{Subscription: w.subscription(audienceID(i), ofPatient(jack, vaccination)), Audit: entry("subscribe")})
		}
	}
	if len(all) == 0 {
		return boxes
	}
	errs, err := w.SubscribeAll(w.ctx(), all)
	w.must(err)
	for _, err := range errs {
		w.must(err)
	}
	return boxes
}

func audienceID(i int) string { return fmt.Sprintf("AUDIENCE%d", i) }

// wantAudience waits until each mailbox has its copy.
func (w *world) wantAudience(boxes []int64, event store.EventID) {
	w.Helper()
	missing := boxes
	w.eventually("every mailbox has its copy", func() bool {
		for len(missing) > 0 {
			if _, err := w.Message(w.ctx(), missing[0], event); err != nil {
				return false
			}
			missing = missing[1:]
		}
		return true
	})
}

func fanOutSurvivesCrash(t *testing.T, w *world) {
	boxes := w.audience(1_100)
	r := w.publish()
	w.fixture.Crash(t)
	w.reopen()
	w.wantAudience(boxes, r.Event)
	for _, box := range boxes[:600] {
		w.wantInbox("after the crash", box, r.Event)
	}
}

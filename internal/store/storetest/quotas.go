package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// limit reopens the store with quotas.
func (w *world) limit(q store.Quotas) {
	w.Helper()
	w.fixture.Stop(w.T)
	w.fixture.Limit(q)
	w.reopen()
}

// wantQuota checks that an error is the refusal of a quota.
func (w *world) wantQuota(what string, err error, quota store.Quota, limit int64) {
	w.Helper()
	var full *store.QuotaError
	if !errors.As(err, &full) || full.Quota != quota || full.Limit != limit {
		w.Errorf("%s: expected the quota of %d %s, got %v", what, limit, quota, err)
	}
}

// wantUse checks the uses of owners, that all of them agree with what is stored,
// and that a new start sees the same.
func (w *world) wantUse(what string, want map[store.Quota]map[string]int64) {
	w.Helper()
	drift, err := w.RecountQuotas(w.ctx())
	if err != nil || len(drift) > 0 {
		w.Errorf("%s: counters had drifted: %+v, %v", what, drift, err)
	}
	for range 2 {
		for quota, owners := range want {
			all, err := w.QuotaUse(w.ctx(), store.QuotaQuery{Quota: quota, Max: 100})
			w.must(err)
			for owner, n := range owners {
				one, err := w.QuotaUse(w.ctx(), store.QuotaQuery{Quota: quota, Owner: strings.ToLower(owner), Max: 1})
				if quota != store.MessagesQuota && quota != store.BytesQuota {
					one, err = w.QuotaUse(w.ctx(), store.QuotaQuery{Quota: quota, Owner: owner, Max: 1})
				}
				w.must(err)
				i := slices.IndexFunc(all, func(u store.QuotaUse) bool { return u.Owner == owner })
				if n == 0 && i < 0 && len(one) == 0 {
					continue
				}
				if want := (store.QuotaUse{Quota: quota, Owner: owner, Used: n}); i < 0 || all[i] != want || len(one) != 1 || one[0] != want {
					w.Errorf("%s: expected %+v, got %+v, %+v", what, want, all, one)
				}
			}
		}
		w.fixture.Stop(w.T)
		w.reopen()
	}
}

// tagged is a subscription to a patient that differs from others by its tag.
func (w *world) tagged(mailbox string, n int) subscription.Subscription {
	w.Helper()
	return w.subscription(mailbox, ofPatient(jack, vaccination)+fmt.Sprintf("&tag=t%d", n))
}

func subscriptionQuotas(t *testing.T, w *world) {
	w.limit(store.Quotas{System: 5, Organisation: 7, Route: 3})
	w.mailbox("A")
	w.mailbox("B")
	subscribe := func(s subscription.Subscription) error { return w.Subscribe(w.ctx(), s, entry("subscribe")) }
	var mine []subscription.Subscription
	for n := range 3 {
		mine = append(mine, w.tagged("A", n))
		w.must(subscribe(mine[n]))
	}
	w.wantQuota("a fourth under one key", subscribe(w.tagged("A", 3)), store.RouteQuota, 3)
	ending := w.tagged("B", 3)
	ending.End = epoch.Add(time.Hour)
	w.must(subscribe(ending))
	requested := w.subscription("A", ofPatient(other, vaccination))
	requested.Status = subscription.Requested
	w.must(subscribe(requested))
	refused := w.tagged("B", 4)
	w.wantQuota("a sixth of the system", subscribe(refused), store.SystemQuota, 5)
	if _, err := w.Subscription(w.ctx(), refused.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	var twin *store.DuplicateError
	if err := subscribe(w.tagged("A", 0)); !errors.As(err, &twin) || twin.ID != mine[0].ID {
		t.Errorf("a duplicate when all is full: %v", err)
	}
	colleague := func(n int) subscription.Subscription {
		s := w.subscription("B", ofRule("COUNTRYCODE", "E92000001", vaccination)+fmt.Sprintf("&tag=t%d", n))
		s.ASID = "200000000117"
		return s
	}
	w.must(subscribe(colleague(1)))
	w.must(subscribe(colleague(2)))
	w.wantQuota("an eighth of the organisation", subscribe(colleague(3)), store.OrganisationQuota, 7)
	stranger := colleague(4)
	stranger.ODS = "X26"
	w.must(subscribe(stranger))
	if n := w.QuotaRefusals(store.SystemQuota); n != 1 {
		t.Errorf("%d refusals counted", n)
	}
	w.wantUse("full", map[store.Quota]map[string]int64{
		store.SystemQuota:       {"200000000115": 5, "200000000117": 3},
		store.OrganisationQuota: {"RR8": 7, "X26": 1},
	})

	w.must(w.Approve(w.ctx(), requested.ID, entry("approve"))) // as many as before
	w.must(w.Delete(w.ctx(), mine[0].ID, entry("delete")))
	w.wantError("deleted already", w.Delete(w.ctx(), mine[0].ID, entry("delete")), store.ErrNotFound)
	w.clock.advance(2 * time.Hour)
	w.must(w.Housekeep(w.ctx())) // ends one
	w.wantUse("one deleted, one ended", map[store.Quota]map[string]int64{
		store.SystemQuota: {"200000000115": 3}, store.OrganisationQuota: {"RR8": 5}})
	w.must(w.Delete(w.ctx(), ending.ID, entry("delete"))) // it no longer counts

	// Of many at once each is judged on its own: twins take no room.
	all := []store.Creation{
		{Subscription: w.tagged("A", 1)}, {Subscription: w.tagged("A", 1)}, {Subscription: w.tagged("NONE", 9)}, {Subscription: w.tagged("A", 0)},
		{Subscription: w.tagged("A", 5)}, {Subscription: w.tagged("B", 5)}, {Subscription: w.tagged("B", 6)}, {Subscription: w.tagged("B", 7)},
	}
	errs, err := w.SubscribeAll(w.ctx(), all)
	w.must(err)
	if !errors.As(errs[0], &twin) || !errors.As(errs[1], &twin) || !errors.Is(errs[2], store.ErrNotFound) || errs[3] != nil || errs[5] != nil {
		t.Errorf("many at once: %v", errs)
	}
	w.wantQuota("beyond the key", errs[4], store.RouteQuota, 3)
	w.wantQuota("beyond the system", errs[6], store.SystemQuota, 5)
	w.wantQuota("and the next", errs[7], store.SystemQuota, 5)
	w.wantUse("full again", map[store.Quota]map[string]int64{
		store.SystemQuota: {"200000000115": 5}, store.OrganisationQuota: {"RR8": 7}})
	if r := w.publish(); r.Copies != 2 {
		t.Errorf("%d copies: those that were refused must not match, those that were not must", r.Copies)
	}
	w.limit(store.Quotas{System: -1, Organisation: -1, Route: -1})
	w.must(subscribe(w.tagged("A", 8)))
}

func mailboxQuotas(t *testing.T, w *world) {
	w.limit(store.Quotas{Messages: 3, Bytes: 1 << 20})
	w.mailbox("A")
	b := w.mailbox("B")
	send := func(body string) (store.Message, error) {
		m := w.sent(b, "", 1)
		m.Size = int64(len(body))
		return m, w.Send(w.ctx(), m, []byte(body), nil)
	}
	use := func(what string, messages, bytes int64) {
		t.Helper()
		w.wantUse(what, map[store.Quota]map[string]int64{store.MessagesQuota: {"B": messages}, store.BytesQuota: {"B": bytes}})
	}
	first, err := send("hello")
	w.must(err)
	second, err := send("again")
	w.must(err)
	third, err := send("third")
	w.must(err)
	refused := w.sent(b, "", 1)
	w.wantQuota("a fourth message", w.Send(w.ctx(), refused, []byte("hello"), &audit.Entry{Action: "send"}), store.MessagesQuota, 3)
	if _, err := w.Message(w.ctx(), b, refused.Position); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	_, err = w.PutChunk(w.ctx(), b, w.NextPosition(), 1, bytes.NewReader(make([]byte, 300<<10)))
	w.wantQuota("the first chunk of a fourth", err, store.MessagesQuota, 3)
	use("three messages", 3, 15)

	// What NEMS owes is neither counted nor refused.
	w.subscribe("B", ofPatient(jack, vaccination))
	copied := w.publish()
	report := w.sent(b, "", 1)
	report.Type, report.Size = store.Report, 0
	w.must(w.Send(w.ctx(), report, nil, nil))
	w.wantInbox("full, with a copy and a report", b, first.Position, second.Position, third.Position, copied.Event, report.Position)
	use("and a report", 4, 15)

	w.must(w.Acknowledge(w.ctx(), b, first.Position, w.clock.Now(), nil))
	w.must(w.Acknowledge(w.ctx(), b, first.Position, w.clock.Now(), nil))
	w.must(w.Acknowledge(w.ctx(), b, copied.Event, w.clock.Now(), nil))
	w.must(w.Acknowledge(w.ctx(), b, report.Position, w.clock.Now(), nil))
	_, err = send("there is room")
	w.must(err)
	given, err := w.Message(w.ctx(), b, second.Position)
	w.must(err)
	given.Status = store.Undeliverable
	w.must(w.SetStatus(w.ctx(), given, nil))
	use("one collected, one given up", 2, 5+13)
	w.must(w.Reset(w.ctx(), b))
	use("emptied", 0, 0)
	_, err = send("hello")
	w.must(err)
	w.clock.advance(31 * 24 * time.Hour)
	_, err = w.Purge(w.ctx(), w.clock.Now().Add(-30*24*time.Hour), 100)
	w.must(err)
	use("purged", 0, 0)
}

func uploadQuotas(t *testing.T, w *world) {
	w.limit(store.Quotas{Messages: 2, Bytes: 1 << 20})
	b := w.mailbox("B")
	put := func(m store.Message, n, size int) error {
		_, err := w.PutChunk(w.ctx(), b, m.Position, n, bytes.NewReader(make([]byte, size)))
		return err
	}
	use := func(what string, messages, bytes int64) {
		t.Helper()
		w.wantUse(what, map[store.Quota]map[string]int64{store.MessagesQuota: {"B": messages}, store.BytesQuota: {"B": bytes}})
	}
	m := w.sent(b, "", 2)
	m.Status = store.Uploading
	w.must(w.Send(w.ctx(), m, make([]byte, 1000), nil))
	w.must(put(m, 2, 300<<10))
	use("uploading", 1, 1000+300<<10)
	w.must(put(m, 2, 400<<10)) // in its place
	use("the same chunk again", 1, 1000+400<<10)
	w.wantQuota("a chunk that is too much", put(m, 2, 700<<10), store.BytesQuota, 1<<20)
	broken := io.MultiReader(bytes.NewReader(make([]byte, 300<<10)), iotest.ErrReader(errors.New("broken off")))
	if _, err := w.PutChunk(w.ctx(), b, m.Position, 2, broken); err == nil {
		t.Error("a broken chunk was taken")
	}
	use("nothing is left of what was refused or broke off", 1, 1000+400<<10)

	large := w.sent(b, "", 1)
	large.Size = 500 << 10
	w.must(put(large, 1, 500<<10))
	use("a large message before it is sent", 1, 1000+900<<10)
	w.must(w.Send(w.ctx(), large, nil, nil))
	use("and sent", 2, 1000+900<<10)
	w.wantQuota("a third message", put(w.sent(b, "", 1), 1, 100), store.MessagesQuota, 2)
	whole, err := w.Complete(w.ctx(), b, m.Position, w.clock.Now(), w.clock.Now().Add(time.Hour), nil)
	if !whole || err != nil {
		t.Fatalf("complete: %v, %v", whole, err)
	}
	use("complete", 2, 1000+900<<10)
	w.must(w.Acknowledge(w.ctx(), b, m.Position, w.clock.Now(), nil))
	use("one collected", 1, 500<<10)

	// What never completes ages out, with a message or without.
	never := w.sent(b, "", 2)
	never.Status = store.Uploading
	w.must(w.Send(w.ctx(), never, []byte("one"), nil))
	w.must(put(never, 2, 1000))
	w.must(w.Acknowledge(w.ctx(), b, large.Position, w.clock.Now(), nil))
	w.must(put(w.sent(b, "", 1), 1, 300<<10))
	use("never complete", 1, 3+1000+300<<10)
	w.clock.advance(25 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	use("a day later", 0, 0)
}

// What was sent and collected takes no room any more; what waits does, and copies
// of events stay as long as they are retained.
func collectedBodies(t *testing.T, w *world) {
	b := w.mailbox("B")
	w.subscribe("B", ofPatient(jack, vaccination))
	copied := w.publish()
	w.must(w.Acknowledge(w.ctx(), b, copied.Event, w.clock.Now(), nil))
	waiting, small, large := w.sent(b, "", 1), w.sent(b, "", 1), w.sent(b, "", 1)
	w.must(w.Send(w.ctx(), waiting, []byte("waits"), nil))
	w.must(w.Send(w.ctx(), small, []byte("hello"), nil))
	body := bytes.Repeat([]byte("large"), 20<<20/5) // more pieces than one step removes
	large.Size = int64(len(body))
	_, err := w.PutChunk(w.ctx(), b, large.Position, 1, bytes.NewReader(body))
	w.must(err)
	w.must(w.Send(w.ctx(), large, nil, nil))
	for _, m := range []store.Message{small, large} {
		w.must(w.Acknowledge(w.ctx(), b, m.Position, w.clock.Now(), nil))
	}
	w.must(w.Housekeep(w.ctx()))
	if !bytes.Equal(w.download(large, 1), body) {
		t.Error("a download that was under way when the message was acknowledged")
	}
	w.clock.advance(2 * store.BodyGrace)
	for _, m := range []store.Message{small, large} {
		w.eventually("the body is removed", func() bool {
			w.must(w.Housekeep(w.ctx()))
			return errors.Is(w.Chunk(w.ctx(), &m, 1, io.Discard), store.ErrNotFound)
		})
		got, err := w.Message(w.ctx(), b, m.Position)
		if err != nil || got.Status != store.Acknowledged || got.Size != m.Size {
			t.Errorf("what is known of it stays: %+v, %v", got, err)
		}
	}
	if string(w.download(waiting, 1)) != "waits" || !bytes.Equal(w.download(store.Message{Position: copied.Event, EventCode: vaccination}, 1), message(1)) {
		t.Error("a message that waits or a copy has lost its body")
	}
}

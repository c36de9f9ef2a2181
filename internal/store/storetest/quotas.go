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
func (th *harness) limit(q store.Quotas) {
	th.Helper()
	th.fixture.Stop(th.T)
	th.fixture.Limit(q)
	th.reopen()
}

// wantQuota checks that an error is the refusal of a quota.
func (th *harness) wantQuota(what string, err error, quota store.Quota, limit int64) {
	th.Helper()
	var full *store.QuotaError
	if !errors.As(err, &full) || full.Quota != quota || full.Limit != limit {
		th.Errorf("%s: expected the quota of %d %s, got %v", what, limit, quota, err)
	}
}

// wantUse checks the uses of owners, that all of them agree with what is stored,
// and that a new start sees the same.
func (th *harness) wantUse(what string, want map[store.Quota]map[string]int64) {
	th.Helper()
	drift, err := th.RecountQuotas(th.ctx())
	if err != nil || len(drift) > 0 {
		th.Errorf("%s: counters had drifted: %+v, %v", what, drift, err)
	}
	for range 2 {
		for quota, owners := range want {
			all, err := th.QuotaUse(th.ctx(), store.QuotaQuery{Quota: quota, Max: 100})
			th.must(err)
			for owner, n := range owners {
				one, err := th.QuotaUse(th.ctx(), store.QuotaQuery{Quota: quota, Owner: strings.ToLower(owner), Max: 1})
				if quota != store.MessagesQuota && quota != store.BytesQuota {
					one, err = th.QuotaUse(th.ctx(), store.QuotaQuery{Quota: quota, Owner: owner, Max: 1})
				}
				th.must(err)
				i := slices.IndexFunc(all, func(u store.QuotaUse) bool { return u.Owner == owner })
				if n == 0 && i < 0 && len(one) == 0 {
					continue
				}
				if want := (store.QuotaUse{Quota: quota, Owner: owner, Used: n}); i < 0 || all[i] != want || len(one) != 1 || one[0] != want {
					th.Errorf("%s: expected %+v, got %+v, %+v", what, want, all, one)
				}
			}
		}
		th.fixture.Stop(th.T)
		th.reopen()
	}
}

// tagged is a subscription to a patient that differs from others by its tag.
func (th *harness) tagged(mailbox string, n int) subscription.Subscription {
	th.Helper()
	return th.subscription(mailbox, ofPatient(jack, vaccination)+fmt.Sprintf("&tag=t%d", n))
}

func subscriptionQuotas(t *testing.T, th *harness) {
	th.limit(store.Quotas{System: 5, Organisation: 7, Route: 3})
	th.mailbox("A")
	th.mailbox("B")
	subscribe := func(s subscription.Subscription) error { return th.Subscribe(th.ctx(), s, entry("subscribe")) }
	var mine []subscription.Subscription
	for n := range 3 {
		mine = append(mine, th.tagged("A", n))
		th.must(subscribe(mine[n]))
	}
	th.wantQuota("a fourth under one key", subscribe(th.tagged("A", 3)), store.RouteQuota, 3)
	ending := th.tagged("B", 3)
	ending.End = epoch.Add(time.Hour)
	th.must(subscribe(ending))
	requested := th.subscription("A", ofPatient(other, vaccination))
	requested.Status = subscription.Requested
	th.must(subscribe(requested))
	refused := th.tagged("B", 4)
	th.wantQuota("a sixth of the system", subscribe(refused), store.SystemQuota, 5)
	if _, err := th.Subscription(th.ctx(), refused.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	var twin *store.DuplicateError
	if err := subscribe(th.tagged("A", 0)); !errors.As(err, &twin) || twin.ID != mine[0].ID {
		t.Errorf("a duplicate when all is full: %v", err)
	}
	colleague := func(n int) subscription.Subscription {
		s := th.subscription("B", ofRule("COUNTRYCODE", "E92000001", vaccination)+fmt.Sprintf("&tag=t%d", n))
		s.ASID = "200000000117"
		return s
	}
	th.must(subscribe(colleague(1)))
	th.must(subscribe(colleague(2)))
	th.wantQuota("an eighth of the organisation", subscribe(colleague(3)), store.OrganisationQuota, 7)
	stranger := colleague(4)
	stranger.ODS = "X26"
	th.must(subscribe(stranger))
	if n := th.QuotaRefusals(store.SystemQuota); n != 1 {
		t.Errorf("%d refusals counted", n)
	}
	th.wantUse("full", map[store.Quota]map[string]int64{
		store.SystemQuota:       {"200000000115": 5, "200000000117": 3},
		store.OrganisationQuota: {"RR8": 7, "X26": 1},
	})

	th.must(th.Approve(th.ctx(), requested.ID, entry("approve"))) // as many as before
	th.must(th.Delete(th.ctx(), mine[0].ID, entry("delete")))
	th.wantError("deleted already", th.Delete(th.ctx(), mine[0].ID, entry("delete")), store.ErrNotFound)
	th.clock.advance(2 * time.Hour)
	th.must(th.Housekeep(th.ctx())) // ends one
	th.wantUse("one deleted, one ended", map[store.Quota]map[string]int64{
		store.SystemQuota: {"200000000115": 3}, store.OrganisationQuota: {"RR8": 5}})
	th.must(th.Delete(th.ctx(), ending.ID, entry("delete"))) // it no longer counts

	// Of many at once each is judged on its own: twins take no room.
	all := []store.Creation{
		{Subscription: th.tagged("A", 1)}, {Subscription: th.tagged("A", 1)}, {Subscription: th.tagged("NONE", 9)}, {Subscription: th.tagged("A", 0)},
		{Subscription: th.tagged("A", 5)}, {Subscription: th.tagged("B", 5)}, {Subscription: th.tagged("B", 6)}, {Subscription: th.tagged("B", 7)},
	}
	errs, err := th.SubscribeAll(th.ctx(), all)
	th.must(err)
	if !errors.As(errs[0], &twin) || !errors.As(errs[1], &twin) || !errors.Is(errs[2], store.ErrNotFound) || errs[3] != nil || errs[5] != nil {
		t.Errorf("many at once: %v", errs)
	}
	th.wantQuota("beyond the key", errs[4], store.RouteQuota, 3)
	th.wantQuota("beyond the system", errs[6], store.SystemQuota, 5)
	th.wantQuota("and the next", errs[7], store.SystemQuota, 5)
	th.wantUse("full again", map[store.Quota]map[string]int64{
		store.SystemQuota: {"200000000115": 5}, store.OrganisationQuota: {"RR8": 7}})
	if r := th.publish(); r.Copies != 2 {
		t.Errorf("%d copies: those that were refused must not match, those that were not must", r.Copies)
	}
	th.limit(store.Quotas{System: -1, Organisation: -1, Route: -1})
	th.must(subscribe(th.tagged("A", 8)))
}

func mailboxQuotas(t *testing.T, th *harness) {
	th.limit(store.Quotas{Messages: 3, Bytes: 1 << 20})
	th.mailbox("A")
	b := th.mailbox("B")
	send := func(body string) (store.Message, error) {
		m := th.sent(b, "", 1)
		m.Size = int64(len(body))
		return m, th.Send(th.ctx(), m, []byte(body), nil)
	}
	use := func(what string, messages, bytes int64) {
		t.Helper()
		th.wantUse(what, map[store.Quota]map[string]int64{store.MessagesQuota: {"B": messages}, store.BytesQuota: {"B": bytes}})
	}
	first, err := send("hello")
	th.must(err)
	second, err := send("again")
	th.must(err)
	third, err := send("third")
	th.must(err)
	refused := th.sent(b, "", 1)
	th.wantQuota("a fourth message", th.Send(th.ctx(), refused, []byte("hello"), &audit.Entry{Action: "send"}), store.MessagesQuota, 3)
	if _, err := th.Message(th.ctx(), b, refused.Position); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	_, err = th.PutChunk(th.ctx(), b, th.NextPosition(), 1, bytes.NewReader(make([]byte, 300<<10)))
	th.wantQuota("the first chunk of a fourth", err, store.MessagesQuota, 3)
	use("three messages", 3, 15)

	// What NEMS owes is neither counted nor refused.
	th.subscribe("B", ofPatient(jack, vaccination))
	copied := th.publish()
	report := th.sent(b, "", 1)
	report.Type, report.Size = store.Report, 0
	th.must(th.Send(th.ctx(), report, nil, nil))
	th.wantInbox("full, with a copy and a report", b, first.Position, second.Position, third.Position, copied.Event, report.Position)
	use("and a report", 4, 15)

	th.must(th.Acknowledge(th.ctx(), b, first.Position, th.clock.Now(), nil))
	th.must(th.Acknowledge(th.ctx(), b, first.Position, th.clock.Now(), nil))
	th.must(th.Acknowledge(th.ctx(), b, copied.Event, th.clock.Now(), nil))
	th.must(th.Acknowledge(th.ctx(), b, report.Position, th.clock.Now(), nil))
	_, err = send("there is room")
	th.must(err)
	given, err := th.Message(th.ctx(), b, second.Position)
	th.must(err)
	given.Status = store.Undeliverable
	th.must(th.SetStatus(th.ctx(), given, nil))
	use("one collected, one given up", 2, 5+13)
	th.must(th.Reset(th.ctx(), b))
	use("emptied", 0, 0)
	_, err = send("hello")
	th.must(err)
	th.clock.advance(31 * 24 * time.Hour)
	_, err = th.Purge(th.ctx(), th.clock.Now().Add(-30*24*time.Hour), 100)
	th.must(err)
	use("purged", 0, 0)
}

func uploadQuotas(t *testing.T, th *harness) {
	th.limit(store.Quotas{Messages: 2, Bytes: 1 << 20})
	b := th.mailbox("B")
	put := func(m store.Message, n, size int) error {
		_, err := th.PutChunk(th.ctx(), b, m.Position, n, bytes.NewReader(make([]byte, size)))
		return err
	}
	use := func(what string, messages, bytes int64) {
		t.Helper()
		th.wantUse(what, map[store.Quota]map[string]int64{store.MessagesQuota: {"B": messages}, store.BytesQuota: {"B": bytes}})
	}
	m := th.sent(b, "", 2)
	m.Status = store.Uploading
	th.must(th.Send(th.ctx(), m, make([]byte, 1000), nil))
	th.must(put(m, 2, 300<<10))
	use("uploading", 1, 1000+300<<10)
	th.must(put(m, 2, 400<<10)) // in its place
	use("the same chunk again", 1, 1000+400<<10)
	th.wantQuota("a chunk that is too much", put(m, 2, 700<<10), store.BytesQuota, 1<<20)
	broken := io.MultiReader(bytes.NewReader(make([]byte, 300<<10)), iotest.ErrReader(errors.New("broken off")))
	if _, err := th.PutChunk(th.ctx(), b, m.Position, 2, broken); err == nil {
		t.Error("a broken chunk was taken")
	}
	use("nothing is left of what was refused or broke off", 1, 1000+400<<10)

	large := th.sent(b, "", 1)
	large.Size = 500 << 10
	th.must(put(large, 1, 500<<10))
	use("a large message before it is sent", 1, 1000+900<<10)
	th.must(th.Send(th.ctx(), large, nil, nil))
	use("and sent", 2, 1000+900<<10)
	th.wantQuota("a third message", put(th.sent(b, "", 1), 1, 100), store.MessagesQuota, 2)
	whole, err := th.Complete(th.ctx(), b, m.Position, th.clock.Now(), th.clock.Now().Add(time.Hour), nil)
	if !whole || err != nil {
		t.Fatalf("complete: %v, %v", whole, err)
	}
	use("complete", 2, 1000+900<<10)
	th.must(th.Acknowledge(th.ctx(), b, m.Position, th.clock.Now(), nil))
	use("one collected", 1, 500<<10)

	// What never completes ages out, with a message or without.
	never := th.sent(b, "", 2)
	never.Status = store.Uploading
	th.must(th.Send(th.ctx(), never, []byte("one"), nil))
	th.must(put(never, 2, 1000))
	th.must(th.Acknowledge(th.ctx(), b, large.Position, th.clock.Now(), nil))
	th.must(put(th.sent(b, "", 1), 1, 300<<10))
	use("never complete", 1, 3+1000+300<<10)
	th.clock.advance(25 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	use("a day later", 0, 0)
}

// What was sent and collected takes no room any more; what waits does, and copies
// of events stay as long as they are retained.
func collectedBodies(t *testing.T, th *harness) {
	b := th.mailbox("B")
	th.subscribe("B", ofPatient(jack, vaccination))
	copied := th.publish()
	th.must(th.Acknowledge(th.ctx(), b, copied.Event, th.clock.Now(), nil))
	waiting, small, large := th.sent(b, "", 1), th.sent(b, "", 1), th.sent(b, "", 1)
	th.must(th.Send(th.ctx(), waiting, []byte("waits"), nil))
	th.must(th.Send(th.ctx(), small, []byte("hello"), nil))
	body := bytes.Repeat([]byte("large"), 20<<20/5) // more pieces than one step removes
	large.Size = int64(len(body))
	_, err := th.PutChunk(th.ctx(), b, large.Position, 1, bytes.NewReader(body))
	th.must(err)
	th.must(th.Send(th.ctx(), large, nil, nil))
	for _, m := range []store.Message{small, large} {
		th.must(th.Acknowledge(th.ctx(), b, m.Position, th.clock.Now(), nil))
	}
	th.must(th.Housekeep(th.ctx()))
	if !bytes.Equal(th.download(large, 1), body) {
		t.Error("a download that was under way when the message was acknowledged")
	}
	th.clock.advance(2 * store.BodyGrace)
	for _, m := range []store.Message{small, large} {
		th.eventually("the body is removed", func() bool {
			th.must(th.Housekeep(th.ctx()))
			return errors.Is(th.Chunk(th.ctx(), &m, 1, io.Discard), store.ErrNotFound)
		})
		got, err := th.Message(th.ctx(), b, m.Position)
		if err != nil || got.Status != store.Acknowledged || got.Size != m.Size {
			t.Errorf("what is known of it stays: %+v, %v", got, err)
		}
	}
	if string(th.download(waiting, 1)) != "waits" || !bytes.Equal(th.download(store.Message{Position: copied.Event, EventCode: vaccination}, 1), message(1)) {
		t.Error("a message that waits or a copy has lost its body")
	}
}

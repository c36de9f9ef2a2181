package storetest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/ledger"
)

// ShortLived is the event type that every store of the suite keeps for a week only.
var ShortLived = []store.TypeRetention{{Code: "nipe-outcome-1", Kept: 7 * 24 * time.Hour}}

// typeRetention: a rule of an event type removes what is delivered after a shorter
// time, leaves what is not, and each removal has its proof in the audit.
func typeRetention(t *testing.T, th *harness) {
	short := ShortLived[0].Code
	a := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination, short))
	of := func(code string) func(*store.Acceptance) {
		return func(a *store.Acceptance) { a.Code, a.Workflow, a.Facts.EventCode = code, "W", code }
	}
	collected, waiting, other := th.publish(of(short)), th.publish(of(short)), th.publish()
	for _, e := range []store.Receipt{collected, other} {
		th.must(th.Acknowledge(th.ctx(), a, e.Event, th.clock.Now(), nil))
	}
	kept := func(e store.Receipt) bool {
		_, err := th.EventMessage(th.ctx(), e.Event)
		return err == nil
	}
	th.clock.advance(6 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if !kept(collected) {
		t.Error("removed too early")
	}
	th.clock.advance(2 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if kept(collected) || !kept(waiting) || !kept(other) {
		t.Errorf("kept: %v, %v, %v; expected those that wait and the other type", kept(collected), kept(waiting), kept(other))
	}
	th.wantInbox("what was not collected", a, waiting.Event)
	// Collected later: it goes, too.
	th.must(th.Acknowledge(th.ctx(), a, waiting.Event, th.clock.Now(), nil))
	th.clock.advance(2 * time.Minute)
	th.must(th.Housekeep(th.ctx()))
	if kept(waiting) {
		t.Error("what was collected later is still there")
	}
	th.wantPurged(short, store.Purged{Events: 2, Copies: 2, UpTo: waiting.Event})
	th.clock.advance(2 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	th.wantProof(short, ledger.PurgeProof{Events: 2, Copies: 2, UpTo: waiting.Event})
	// The general rule counts in the same way, and its days are dropped where there are any.
	th.clock.advance(25 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if kept(other) {
		t.Error("the general rule removed nothing")
	}
	th.wantPurged(vaccination, store.Purged{Events: 1, Copies: 1, UpTo: other.Event})
	found, err := th.KeptEvents(th.ctx(), 0, func(string) store.EventID { return other.Event }, 100, 10)
	if err != nil || len(found.Types) != 0 || found.Next != 0 {
		t.Errorf("left: %+v, %v", found, err)
	}
}

// keptEvents: a walk over the oldest events tells what is overdue, in pages.
func keptEvents(t *testing.T, th *harness) {
	first, second, third := th.publish(), th.publish(), th.publish()
	before := func(string) store.EventID { return third.Event }
	whole, err := th.KeptEvents(th.ctx(), 0, before, 100, 10)
	if err != nil || whole.Next != 0 || len(whole.Types) != 1 || whole.Types[0].Oldest != first.Event || !slices.Equal(whole.Types[0].Overdue, []store.EventID{first.Event, second.Event}) {
		t.Errorf("%+v, %v", whole, err)
	}
	var overdue []store.EventID
	for after, more := store.EventID(0), true; more; {
		some, err := th.KeptEvents(th.ctx(), after, before, 2, 1)
		th.must(err)
		for _, k := range some.Types {
			overdue = append(overdue, k.Overdue...)
		}
		after, more = some.Next, some.Next != 0
	}
	if !slices.Equal(overdue, []store.EventID{first.Event, second.Event}) {
		t.Errorf("in pages: %v", overdue)
	}
}

// wantPurged checks what was removed of a type and not noted yet.
func (th *harness) wantPurged(code string, want store.Purged) {
	th.Helper()
	all, err := th.Purges(th.ctx())
	th.must(err)
	i := slices.IndexFunc(all, func(p store.Purged) bool { return p.Code == code })
	if i < 0 || all[i].Events != want.Events || all[i].Copies != want.Copies || all[i].UpTo != want.UpTo || all[i].Bytes == 0 || all[i].Since.IsZero() {
		th.Errorf("purged: %+v; expected %+v", all, want)
	}
}

// wantProof checks the last entry of the audit about a type.
func (th *harness) wantProof(code string, want ledger.PurgeProof) {
	th.Helper()
	var told string
	for link, err := range th.Links(th.ctx(), time.Time{}, time.Time{}) {
		th.must(err)
		entries, err := link.Unpack()
		th.must(err)
		for _, e := range entries {
			if e.Action == audit.ActionPurge && e.EventType == code {
				told = e.Object
			}
		}
	}
	var got ledger.PurgeProof
	if err := json.NewDecoder(strings.NewReader(told)).Decode(&got); err != nil {
		th.Fatalf("the audit has no proof about %s: %q", code, told)
	}
	if got.Events != want.Events || got.Copies != want.Copies || got.UpTo != want.UpTo || got.Kept != "168h0m0s" || got.General {
		th.Errorf("%s: expected %+v", told, want)
	}
	all, err := th.Purges(th.ctx())
	th.must(err)
	for _, p := range all {
		if p.Code == code && (p.Told != told || p.Noted.IsZero() || p.Events != 0) {
			th.Errorf("%+v", p)
		}
	}
}

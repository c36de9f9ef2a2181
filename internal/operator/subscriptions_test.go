package operator_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/subscription"
)

const (
	ofJack   = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1"
	ofAlex   = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9434765919&MessageHeader.event=vaccinations-1&MessageHeader.event=pds-change-of-gp-1"
	ofLeeds  = "/Bundle?type=message&serviceType=UHV&subscriptionRuleType=UHV_POSTCODE_LACODE&Organization.identifier=E08000035&MessageHeader.event=vaccinations-1"
	nonsense = "written by a version that never was"
)

// began and kept give each subscription that stored makes a moment of its own.
var (
	began = time.Now().UTC().Truncate(time.Microsecond)
	kept  atomic.Int64
)

// stored puts a subscription that waits for approval into a store, unless change
// makes it another one.
func stored(t *testing.T, d operator.Desk, criteria string, change func(*subscription.Subscription)) string {
	t.Helper()
	c, err := subscription.ParseCriteria(criteria)
	if err != nil {
		t.Fatal(err)
	}
	// Ids of one millisecond have no order among themselves.
	at := began.Add(time.Duration(kept.Add(1)) * time.Millisecond)
	s := subscription.Subscription{ID: subscription.NewID(at), ASID: "200000000115", ODS: "RR8", Mailbox: "BOX1",
		Criteria: c, Status: subscription.Requested, Reason: "Health visiting", Created: at, Version: 1}
	if change != nil {
		change(&s)
	}
	db := d.Store.(*sqlite.DB) //nolint:forcetypeassert // newDesk opened it
	if _, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "BOX1", ODS: "RR8"}); err != nil {
		t.Fatal(err)
	}
	if err := db.Subscribe(t.Context(), s, audit.Entry{Action: "subscribe"}); err != nil {
		t.Fatal(err)
	}
	return s.ID.String()
}

// eachOf runs a test on a desk, and on another through a client; the desk is
// there to prepare its store.
func eachOf(t *testing.T, test func(t *testing.T, store operator.Desk, d operator.Face)) {
	t.Run("desk", func(t *testing.T) { d := newDesk(t); test(t, d, d) })
	t.Run("client", func(t *testing.T) { d := newDesk(t); test(t, d, newClient(t, d)) })
}

func ids(list []operator.Subscription) (out []string) {
	for _, s := range list {
		out = append(out, s.ID)
	}
	return out
}

func TestSubscriptionsAreListedWithoutTheirPatients(t *testing.T) {
	eachOf(t, func(t *testing.T, desk operator.Desk, d operator.Face) {
		first := stored(t, desk, ofJack, func(s *subscription.Subscription) { s.Reason = "Jack, 991 200 3888 or 9912003888" })
		second := stored(t, desk, ofLeeds, func(s *subscription.Subscription) {
			s.ODS, s.ASID, s.Status, s.End = "X26", "200000000116", subscription.Active, time.Date(2999, 1, 2, 3, 4, 5, 0, time.UTC)
		})
		third := stored(t, desk, ofAlex, func(s *subscription.Subscription) { s.End = s.Created.Add(-time.Hour) })
		for name, c := range map[string]struct {
			filter operator.SubscriptionFilter
			want   []string
		}{
			"all":         {operator.SubscriptionFilter{}, []string{first, second, third}},
			"requested":   {operator.SubscriptionFilter{Status: subscription.Requested}, []string{first}},
			"active":      {operator.SubscriptionFilter{Status: subscription.Active}, []string{second}},
			"ended":       {operator.SubscriptionFilter{Status: subscription.Off}, []string{third}},
			"of RR8":      {operator.SubscriptionFilter{ODS: "RR8"}, []string{first, third}},
			"both":        {operator.SubscriptionFilter{ODS: "X26", Status: subscription.Requested}, nil},
			"quarantined": {operator.SubscriptionFilter{Quarantined: true}, nil},
		} {
			if diff := cmp.Diff(c.want, ids(all(t, operator.Each(t.Context(), d, operator.FindSubscriptions, operator.Matching(c.filter))))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		list := all(t, operator.Each(t.Context(), d, operator.FindSubscriptions, operator.Matching(operator.SubscriptionFilter{})))
		want := operator.Subscription{ID: second, ASID: "200000000116", ODS: "X26", Mailbox: "BOX1", Kind: access.Generic,
			About: "UHV_POSTCODE_LACODE E08000035", AsksFor: "patients living in E08000035, any GP practice: Vaccinations", Events: []string{"vaccinations-1"}, Status: subscription.Active,
			End: time.Date(2999, 1, 2, 3, 4, 5, 0, time.UTC), Created: list[1].Created, Reason: "Health visiting"}
		if diff := cmp.Diff(want, list[1]); diff != "" || list[1].Created.IsZero() {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s := list[0]; s.Kind != access.Explicit || s.About != "one patient" || s.Reason != "Jack, [NHS number] or [NHS number]" {
			t.Errorf("%+v", s)
		}
		if text, err := json.Marshal(list); err != nil || strings.Contains(string(text), "3888") || strings.Contains(string(text), "9434765919") {
			t.Errorf("%v: an NHS number shows in %s", err, text)
		}
		for _, wrong := range []operator.SubscriptionFilter{{Status: "error"}, {ODS: "rr8"}, {ODS: "RR 8"}} {
			for _, err := range operator.Each(t.Context(), d, operator.FindSubscriptions, operator.Matching(wrong)) {
				if !errors.Is(err, operator.Invalid) {
					t.Errorf("%+v: expected %v; received %v", wrong, operator.Invalid, err)
				}
			}
		}
	})
}

func TestSubscriptionsAreApproved(t *testing.T) {
	eachOf(t, func(t *testing.T, desk operator.Desk, d operator.Face) {
		ctx := t.Context()
		first, second := stored(t, desk, ofJack, nil), stored(t, desk, ofLeeds, nil)
		if err := operator.ApproveSubscriptions.Run(ctx, d, []string{first, second}); err != nil {
			t.Fatal(err)
		}
		if got := ids(all(t, operator.Each(ctx, d, operator.FindSubscriptions, operator.Matching(operator.SubscriptionFilter{Status: subscription.Active})))); !cmp.Equal(got, []string{first, second}) {
			t.Errorf("active: %v", got)
		}
		entries := all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "subscription-approve"})))
		if len(entries) != 2 || entries[0].Object != first || entries[0].ODS != "RR8" || entries[0].ASID != "200000000115" ||
			entries[0].Mailbox != "BOX1" || entries[0].User == "" || entries[1].Object != second {
			t.Errorf("%+v", entries)
		}
		if about := all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "subscription-approve", Patient: "9912003888"}))); len(about) != 1 {
			t.Errorf("expected 1 entry about the patient; received %d", len(about))
		}
	})
}

// One that does not wait keeps all others from being approved.
func TestWrongApprovalsAreRefused(t *testing.T) {
	eachOf(t, func(t *testing.T, desk operator.Desk, d operator.Face) {
		ctx := t.Context()
		good := stored(t, desk, ofJack, nil)
		active := stored(t, desk, ofAlex, func(s *subscription.Subscription) { s.Status = subscription.Active })
		ended := stored(t, desk, ofAlex+"&tag=ended", func(s *subscription.Subscription) { s.End = s.Created })
		unreadable := stored(t, desk, ofAlex+"&tag=broken", func(s *subscription.Subscription) { s.Criteria.Text = nonsense })
		unknown := subscription.NewID(now).String()
		for name, c := range map[string]struct {
			id   string
			want error
			says string
		}{
			"active":     {active, operator.Conflict, "subscription " + active + " is active already"},
			"ended":      {ended, operator.Conflict, "subscription " + ended + " has ended"},
			"unreadable": {unreadable, operator.Conflict, "subscription " + unreadable + " cannot be read"},
			"unknown":    {unknown, store.ErrNotFound, "subscription " + unknown + ": not found"},
			"capitals":   {strings.Repeat("A", 32), store.ErrNotFound, "not found"},
			"no id":      {"9912003888", operator.Invalid, subscription.ErrID.Error()},
			"twice":      {good, operator.Invalid, "named twice"},
		} {
			err := operator.ApproveSubscriptions.Run(ctx, d, []string{good, c.id})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: expected %v with %q; received %v", name, c.want, c.says, err)
			}
			if strings.Contains(err.Error(), "9912003888") {
				t.Errorf("%s: the error holds an NHS number", name)
			}
		}
		if got := ids(all(t, operator.Each(ctx, d, operator.FindSubscriptions, operator.Matching(operator.SubscriptionFilter{Status: subscription.Requested, ODS: "RR8"})))); !cmp.Equal(got, []string{good, unreadable}) {
			t.Errorf("waiting: %v", got)
		}
		if entries := all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "subscription-approve"}))); len(entries) != 0 {
			t.Errorf("what was refused is recorded as done: %+v", entries)
		}
	})
}

func TestQuarantinedSubscriptionsAreListed(t *testing.T) {
	eachOf(t, func(t *testing.T, desk operator.Desk, d operator.Face) {
		ctx := t.Context()
		stored(t, desk, ofJack, nil)
		broken := stored(t, desk, ofAlex, func(s *subscription.Subscription) { s.Criteria.Text = nonsense + " 9434765919" })
		if got := len(all(t, operator.Each(ctx, d, operator.FindSubscriptions, operator.Matching(operator.SubscriptionFilter{})))); got != 2 { // which finds it
			t.Fatalf("expected 2 subscriptions; received %d", got)
		}
		list := func(ods nhs.ODSCode) []operator.Subscription {
			return all(t, operator.Each(ctx, d, operator.FindSubscriptions, operator.Matching(operator.SubscriptionFilter{Quarantined: true, ODS: ods})))
		}
		eventually(t, "quarantined", func() bool { return len(list("")) == 1 })
		s := list("RR8")[0]
		if s.ID != broken || s.Problem == "" || s.Quarantined.IsZero() || s.ODS != "RR8" || s.Kind != "" || s.About != "" {
			t.Errorf("%+v", s)
		}
		if text, err := json.Marshal(s); err != nil || strings.Contains(string(text), "9434765919") {
			t.Errorf("%v: an NHS number shows in %s", err, text)
		}
		if got := list("X26"); len(got) != 0 {
			t.Errorf("of another owner: %+v", got)
		}
		if err := operator.ApproveSubscriptions.Run(ctx, d, []string{broken}); !errors.Is(err, operator.Conflict) {
			t.Errorf("approving it: expected %v; received %v", operator.Conflict, err)
		}
	})
}

// More than one page of the store, through both.
func TestManySubscriptionsAreListed(t *testing.T) {
	eachOf(t, func(t *testing.T, desk operator.Desk, d operator.Face) {
		stored(t, desk, ofLeeds, nil)
		creations := make([]store.Creation, 2100)
		for i := range creations {
			patient := []string{"9912003888", "9434765919", "9990000204"}[i%3] // a thousand of each are the most
			one, err := subscription.ParseCriteria(strings.Replace(ofJack, "9912003888", patient, 1))
			if err != nil {
				t.Fatal(err)
			}
			one.Tag = string(rune('A' + i%26))
			creations[i].Subscription = subscription.Subscription{ID: subscription.NewID(time.Now()), ASID: "200000000115", Mailbox: "BOX1",
				ODS: nhs.ODSCode("RR" + string(rune('A'+i/26%26)) + string(rune('A'+i/676))), Criteria: one, Status: subscription.Requested, Created: now, Version: 1}
		}
		errs, err := desk.Store.(*sqlite.DB).SubscribeAll(t.Context(), creations) //nolint:forcetypeassert // newDesk opened it
		if err = errors.Join(append(errs, err)...); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, s := range all(t, operator.Each(t.Context(), d, operator.FindSubscriptions, operator.Matching(operator.SubscriptionFilter{Status: subscription.Requested}))) {
			seen[s.ID] = true
		}
		if len(seen) != 2101 {
			t.Errorf("expected 2101; received %d", len(seen))
		}
	})
}

// Each ends from its own status, with a reason that the audit and the owner see.
func TestSubscriptionsAreEnded(t *testing.T) {
	eachOf(t, func(t *testing.T, desk operator.Desk, d operator.Face) {
		ctx := t.Context()
		active := func(s *subscription.Subscription) { s.Status = subscription.Active }
		waiting, live := stored(t, desk, ofJack, nil), stored(t, desk, ofAlex, active)
		ended := stored(t, desk, ofAlex+"&tag=ended", func(s *subscription.Subscription) { s.End = s.Created })
		unreadable := stored(t, desk, ofAlex+"&tag=broken", func(s *subscription.Subscription) { s.Criteria.Text = nonsense })
		unknown := subscription.NewID(now).String()
		reject, end, remove := operator.RejectSubscriptions, operator.EndSubscriptions, operator.DeleteSubscriptions
		for name, c := range map[string]struct {
			verb   *operator.Verb[operator.Ending, operator.None]
			ids    []string
			reason string
			want   error
		}{
			"rejecting an active one": {reject, []string{waiting, live}, "a", operator.Conflict},
			"ending one that waits":   {end, []string{live, waiting}, "a", operator.Conflict},
			"ending an ended one":     {end, []string{live, ended}, "a", operator.Conflict},
			"an unknown one":          {remove, []string{live, unknown}, "a", operator.NotFound},
			"named twice":             {remove, []string{live, live}, "a", operator.Invalid},
			"no id":                   {remove, []string{live, "9912003888"}, "a", operator.Invalid},
			"none":                    {remove, nil, "a", operator.Invalid},
			"no reason":               {end, []string{live}, " ", operator.Invalid},
			"a long reason":           {end, []string{live}, strings.Repeat("é", 201), operator.Invalid},
			"two lines":               {end, []string{live}, "a\nb", operator.Invalid},
			"an escape":               {end, []string{live}, "a\x1b[2J", operator.Invalid},
			"an NHS number":           {end, []string{live}, "Jack 991 200 3888", operator.Invalid},
		} {
			err := c.verb.Run(ctx, d, operator.Ending{IDs: c.ids, Reason: c.reason})
			if !errors.Is(err, c.want) || strings.Contains(strings.ReplaceAll(err.Error(), " ", ""), "9912003888") {
				t.Errorf("%s: expected %v, received %v", name, c.want, err)
			}
		}
		for verb, ids := range map[*operator.Verb[operator.Ending, operator.None]][]string{reject: {waiting}, end: {live}, remove: {ended, unreadable}} {
			if err := verb.Run(ctx, d, operator.Ending{IDs: ids, Reason: " <b>agreed</b> with RR8 "}); err != nil {
				t.Fatal(err)
			}
		}
		list := all(t, operator.Each(ctx, d, operator.FindSubscriptions, operator.Matching(operator.SubscriptionFilter{})))
		if !cmp.Equal(ids(list), []string{waiting, live}) {
			t.Fatalf("received %+v", list)
		}
		for _, s := range list {
			if s.Status != subscription.Off || s.Error != "<b>agreed</b> with RR8" || !s.End.Equal(now) {
				t.Errorf("received %+v", s)
			}
		}
		for action, n := range map[audit.Action]int{audit.ActionRejectSubscription: 1, audit.ActionEndSubscription: 1, audit.ActionDeleteSubscription: 2} {
			entries := all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: action})))
			if len(entries) != n || entries[0].Reason != "<b>agreed</b> with RR8" || entries[0].User == "" || entries[0].ODS != "RR8" || entries[0].Mailbox != "BOX1" {
				t.Errorf("%s: %+v", action, entries)
			}
		}
	})
}

package operator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nems/internal/catalogue"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

func TestSystemsAreKept(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		ctx := t.Context()
		second := system("200000000116")
		second.Name = "Second"
		if err := operator.PutSystems.Run(ctx, d, []spine.Registration{second, system("200000000115")}); err != nil {
			t.Fatal(err)
		}
		if err := operator.RevokeSystem.Run(ctx, d, operator.SystemRef{ASID: second.ASID}); err != nil {
			t.Fatal(err)
		}
		second.Revoked = true
		got, err := operator.All(ctx, d, operator.ListSystems, operator.Paging{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]spine.Registration{system("200000000115"), second}, got, cmpopts.IgnoreUnexported(spine.Keys{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		one, err := operator.ShowSystem.Do(ctx, d, operator.SystemRef{ASID: second.ASID})
		if err != nil || one.Name != "Second" || !one.Revoked {
			t.Errorf("%+v, %v", one, err)
		}
		if _, err := operator.ShowSystem.Do(ctx, d, operator.SystemRef{ASID: "200000000117"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown system: %v", err)
		}
		if err := operator.RevokeSystem.Run(ctx, d, operator.SystemRef{ASID: "200000000117"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoking an unknown system: %v", err)
		}
	})
}

// One that is wrong keeps all of its file out.
func TestWrongSystemsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		wrong := system("200000000116")
		wrong.ODSCodes = nil
		err := operator.PutSystems.Run(t.Context(), d, []spine.Registration{system("200000000115"), wrong})
		if !errors.Is(err, operator.Invalid) || !strings.Contains(err.Error(), "200000000116") {
			t.Errorf("expected %v with the ASID; received %v", operator.Invalid, err)
		}
		if got, err := operator.All(t.Context(), d, operator.ListSystems, operator.Paging{}); err != nil || len(got) != 0 {
			t.Errorf("%d systems were kept, %v", len(got), err)
		}
	})
}

func TestMailboxesAreKeptWithoutShowingPasswords(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		ctx := t.Context()
		boxes := []operator.Mailbox{{ID: "BOX1", Name: "One", ODS: "RR8", Password: "secret"}, {ID: "BOX2", ODS: "X26", Remote: true}}
		if err := operator.PutMailboxes.Run(ctx, d, boxes); err != nil {
			t.Fatal(err)
		}
		boxes[0].Password = ""
		got, err := operator.All(ctx, d, operator.ListMailboxes, operator.Paging{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(boxes, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, wrong := range []operator.Mailbox{
			{ODS: "RR8", Password: "x"}, {ID: "BOX 3", ODS: "RR8", Password: "x"}, {ID: "BOX3", ODS: "rr8", Password: "x"},
			{ID: "BOX3", ODS: "RR8"}, {ID: "BOX3", ODS: "RR8", Password: "x", Remote: true},
		} {
			if err := operator.PutMailboxes.Run(ctx, d, []operator.Mailbox{wrong}); !errors.Is(err, operator.Invalid) {
				t.Errorf("%+v: expected %v; received %v", wrong, operator.Invalid, err)
			}
		}
		eventually(t, "both are in the audit", func() bool {
			return len(all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "mailbox-put"})))) == 2
		})
	})
}

func TestMailboxesAreRegisteredForWorkflows(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		ctx := t.Context()
		good := operator.Workflow{ID: "VACCINATIONS_1", Receivers: []string{"BOX1"}}
		if err := operator.PutWorkflows.Run(ctx, d, []operator.Workflow{good}); err != nil {
			t.Fatal(err)
		}
		if err := operator.PutWorkflows.Run(ctx, d, []operator.Workflow{good, {Receivers: []string{"BOX1"}}}); !errors.Is(err, operator.Invalid) {
			t.Errorf("without an id: expected %v; received %v", operator.Invalid, err)
		}
		eventually(t, "the one that was kept is in the audit", func() bool {
			return len(all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "workflow-put"})))) == 1
		})
	})
}

func TestLifeCyclesAreSet(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		ctx := t.Context()
		life := operator.LifeCycle{State: catalogue.NoLongerSupported, Deprecated: "2026-01-31", NoLongerSupported: "2026-02-28", URL: "https://example.nhs.uk/x"}
		if err := operator.SetLifeCycle.Run(ctx, d, operator.LifeCycleOf{Code: "nipe-outcome-1", LifeCycle: life}); err != nil {
			t.Fatal(err)
		}
		types, err := operator.All(ctx, d, operator.ListEventTypes, operator.Paging{})
		if err != nil || len(types) < 10 {
			t.Fatalf("%d event types, %v", len(types), err)
		}
		for _, e := range types {
			want := operator.LifeCycle{State: catalogue.Current}
			if e.Code == "nipe-outcome-1" {
				want = life
			}
			if e.LifeCycle != want {
				t.Errorf("%s: expected %+v; received %+v", e.Code, want, e.LifeCycle)
			}
		}
		for _, wrong := range []operator.LifeCycle{
			{}, {State: "gone"}, {State: "current", Withdrawn: "31/03/2026"}, {State: "current", URL: "javascript:alert(1)"},
			{State: "deprecated", Deprecated: "2026-03-31", Withdrawn: "2026-03-30", URL: "https://example.nhs.uk/x"},
			{State: "deprecated", URL: "https://example.nhs.uk/x"}, {State: "deprecated", Deprecated: "2026-03-31"},
			{State: "no-longer-supported", NoLongerSupported: "2026-03-31", URL: "https://example.nhs.uk/x"},
		} {
			if err := operator.SetLifeCycle.Run(ctx, d, operator.LifeCycleOf{Code: "nipe-outcome-1", LifeCycle: wrong}); !errors.Is(err, operator.Invalid) {
				t.Errorf("%+v: expected %v; received %v", wrong, operator.Invalid, err)
			}
		}
		if err := operator.SetLifeCycle.Run(ctx, d, operator.LifeCycleOf{Code: "no-such-1", LifeCycle: life}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown event type: %v", err)
		}
	})
}

func TestAuditIsFiltered(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		ctx := t.Context()
		for _, asid := range []nhs.ASID{"200000000115", "200000000116", "200000000115"} {
			if err := operator.PutSystems.Run(ctx, d, []spine.Registration{system(asid)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name   string
			filter operator.Filter
			want   int
		}{
			{"action", operator.Filter{Action: "system-put"}, 3},
			{"system", operator.Filter{Action: "system-put", ASID: "200000000115"}, 2},
			{"refused", operator.Filter{Action: "system-put", Outcome: "refused"}, 0},
			{"ok", operator.Filter{Action: "system-put", Outcome: "ok"}, 3},
			{"to is exclusive", operator.Filter{Action: "system-put", To: now}, 0},
			{"from is inclusive", operator.Filter{Action: "system-put", From: now}, 3},
			{"patient", operator.Filter{Action: "system-put", Patient: "9912003888"}, 0},
		} {
			if got := all(t, operator.Each(ctx, d, operator.SearchAudit, operator.Matching(c.filter))); len(got) != c.want {
				t.Errorf("%s: expected %d entries; received %d", c.name, c.want, len(got))
			}
		}
		for _, wrong := range []operator.Filter{{Patient: "1234567890"}} {
			for _, err := range operator.Each(ctx, d, operator.SearchAudit, operator.Matching(wrong)) {
				if !errors.Is(err, operator.Invalid) {
					t.Errorf("%+v: expected %v; received %v", wrong, operator.Invalid, err)
				}
			}
		}
	})
}

func TestWhoDidItIsRecorded(t *testing.T) {
	d := newDesk(t)
	c := newClient(t, d)
	if err := operator.PutSystems.Run(t.Context(), c, []spine.Registration{system("200000000115")}); err != nil {
		t.Fatal(err)
	}
	got := all(t, operator.Each(t.Context(), d, operator.SearchAudit, operator.Matching(operator.Filter{Action: "system-put"})))
	if len(got) != 1 || got[0].User != "client" || got[0].ASID != "200000000115" || got[0].ODS != "RR8" || !strings.HasPrefix(got[0].Object, "200000000115 sha256:") {
		t.Errorf("%+v", got)
	}
}

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
	each(t, func(t *testing.T, d doer) {
		ctx := t.Context()
		second := system("200000000116")
		second.Name = "Second"
		if err := d.PutSystems(ctx, []spine.Registration{second, system("200000000115")}); err != nil {
			t.Fatal(err)
		}
		if err := d.RevokeSystem(ctx, second.ASID); err != nil {
			t.Fatal(err)
		}
		second.Revoked = true
		got, err := d.Systems(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]spine.Registration{system("200000000115"), second}, got, cmpopts.IgnoreUnexported(spine.Keys{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		one, err := d.System(ctx, second.ASID)
		if err != nil || one.Name != "Second" || !one.Revoked {
			t.Errorf("%+v, %v", one, err)
		}
		if _, err := d.System(ctx, "200000000117"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown system: %v", err)
		}
		if err := d.RevokeSystem(ctx, "200000000117"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoking an unknown system: %v", err)
		}
	})
}

// One that is wrong keeps all of its file out.
func TestWrongSystemsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, d doer) {
		wrong := system("200000000116")
		wrong.ODSCodes = nil
		err := d.PutSystems(t.Context(), []spine.Registration{system("200000000115"), wrong})
		if !errors.Is(err, operator.ErrInvalid) || !strings.Contains(err.Error(), "200000000116") {
			t.Errorf("expected %v with the ASID; received %v", operator.ErrInvalid, err)
		}
		if got, err := d.Systems(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("%d systems were kept, %v", len(got), err)
		}
	})
}

func TestMailboxesAreKeptWithoutShowingPasswords(t *testing.T) {
	each(t, func(t *testing.T, d doer) {
		ctx := t.Context()
		boxes := []operator.Mailbox{{ID: "BOX1", Name: "One", ODS: "RR8", Password: "secret"}, {ID: "BOX2", ODS: "X26", Remote: true}}
		if err := d.PutMailboxes(ctx, boxes); err != nil {
			t.Fatal(err)
		}
		boxes[0].Password = ""
		got, err := d.Mailboxes(ctx)
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
			if err := d.PutMailboxes(ctx, []operator.Mailbox{wrong}); !errors.Is(err, operator.ErrInvalid) {
				t.Errorf("%+v: expected %v; received %v", wrong, operator.ErrInvalid, err)
			}
		}
		eventually(t, "both are in the audit", func() bool {
			return len(all(t, d.Audit(ctx, operator.Filter{Action: "mailbox-put"}))) == 2
		})
	})
}

func TestMailboxesAreRegisteredForWorkflows(t *testing.T) {
	each(t, func(t *testing.T, d doer) {
		ctx := t.Context()
		good := operator.Workflow{ID: "VACCINATIONS_1", Receivers: []string{"BOX1"}}
		if err := d.PutWorkflows(ctx, []operator.Workflow{good}); err != nil {
			t.Fatal(err)
		}
		if err := d.PutWorkflows(ctx, []operator.Workflow{good, {Receivers: []string{"BOX1"}}}); !errors.Is(err, operator.ErrInvalid) {
			t.Errorf("without an id: expected %v; received %v", operator.ErrInvalid, err)
		}
		eventually(t, "the one that was kept is in the audit", func() bool {
			return len(all(t, d.Audit(ctx, operator.Filter{Action: "workflow-put"}))) == 1
		})
	})
}

func TestLifeCyclesAreSet(t *testing.T) {
	each(t, func(t *testing.T, d doer) {
		ctx := t.Context()
		life := operator.LifeCycle{State: catalogue.NoLongerSupported, Deprecated: "2026-01-31", NoLongerSupported: "2026-02-28", URL: "https://example.nhs.uk/x"}
		if err := d.SetLifeCycle(ctx, "nipe-outcome-1", life); err != nil {
			t.Fatal(err)
		}
		types, err := d.EventTypes(ctx)
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
			if err := d.SetLifeCycle(ctx, "nipe-outcome-1", wrong); !errors.Is(err, operator.ErrInvalid) {
				t.Errorf("%+v: expected %v; received %v", wrong, operator.ErrInvalid, err)
			}
		}
		if err := d.SetLifeCycle(ctx, "no-such-1", life); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown event type: %v", err)
		}
	})
}

func TestAuditIsFiltered(t *testing.T) {
	each(t, func(t *testing.T, d doer) {
		ctx := t.Context()
		for _, asid := range []nhs.ASID{"200000000115", "200000000116", "200000000115"} {
			if err := d.PutSystems(ctx, []spine.Registration{system(asid)}); err != nil {
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
			{"last", operator.Filter{Action: "system-put", Last: 2}, 2},
			{"refused", operator.Filter{Action: "system-put", Outcome: "refused"}, 0},
			{"ok", operator.Filter{Action: "system-put", Outcome: "ok"}, 3},
			{"to is exclusive", operator.Filter{Action: "system-put", To: now}, 0},
			{"from is inclusive", operator.Filter{Action: "system-put", From: now}, 3},
			{"patient", operator.Filter{Action: "system-put", Patient: "9912003888"}, 0},
		} {
			if got := all(t, d.Audit(ctx, c.filter)); len(got) != c.want {
				t.Errorf("%s: expected %d entries; received %d", c.name, c.want, len(got))
			}
		}
		for _, wrong := range []operator.Filter{{Patient: "1234567890"}, {Last: -1}, {Last: 1 << 30}} {
			for _, err := range d.Audit(ctx, wrong) {
				if !errors.Is(err, operator.ErrInvalid) {
					t.Errorf("%+v: expected %v; received %v", wrong, operator.ErrInvalid, err)
				}
			}
		}
	})
}

func TestWhoDidItIsRecorded(t *testing.T) {
	d := newDesk(t)
	c := newClient(t, d)
	if err := c.PutSystems(t.Context(), []spine.Registration{system("200000000115")}); err != nil {
		t.Fatal(err)
	}
	got := all(t, d.Audit(t.Context(), operator.Filter{Action: "system-put"}))
	if len(got) != 1 || got[0].User != "client" || got[0].ASID != "200000000115" || got[0].ODS != "RR8" || !strings.HasPrefix(got[0].Object, "200000000115 sha256:") {
		t.Errorf("%+v", got)
	}
}

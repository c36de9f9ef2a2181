package operator_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/audit"
	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// controllerRow is a row that is live for ten years.
func controllerRow(organisation nhs.ODSCode, role controllers.Role) controllers.Row {
	day := func(years int) controllers.Date { return controllers.DateOf(time.Now().AddDate(years, 0, 0)) }
	r := controllers.Row{
		Organisation: organisation, Role: role, Event: "vaccinations-1", Status: controllers.Live, Purpose: "care",
		Basis: controllers.Basis{Code: "direct-care"}, Decided: controllers.Decided{By: "IWG", On: day(-1), Review: day(10)},
	}
	if role == controllers.Consumer {
		r.Scope = controllers.Scope{Rules: []string{controllers.RuleExplicit}}
	}
	return r
}

func change(rows ...controllers.Row) operator.ControllerChange {
	return operator.ControllerChange{Rows: rows, Reason: "decision 12"}
}

func TestControllerRowsAreKeptAndAsked(t *testing.T) {
	eachOf(t, func(t *testing.T, desk operator.Desk, d operator.Face) {
		publisher, consumer := controllerRow("RAT", controllers.Publisher), controllerRow("RR8", controllers.Consumer)
		tried := change(publisher, consumer)
		tried.Try, tried.Reason = true, ""
		for _, step := range []struct {
			change operator.ControllerChange
			want   operator.ControllerChanged
		}{
			{tried, operator.ControllerChanged{Added: []string{publisher.ID(), consumer.ID()}}},
			{change(publisher, consumer), operator.ControllerChanged{Added: []string{publisher.ID(), consumer.ID()}}},
			{change(publisher), operator.ControllerChanged{Same: 1}},
			{operator.ControllerChange{Rows: []controllers.Row{consumer}, Whole: true, Reason: "all"}, operator.ControllerChanged{Removed: []string{publisher.ID()}, Same: 1}},
		} {
			got, err := operator.ChangeControllers.Do(t.Context(), d, step.change)
			if diff := cmp.Diff(step.want, got); diff != "" || err != nil {
				t.Fatalf("%v %s", err, diff)
			}
		}
		found, err := operator.All(t.Context(), d, operator.FindControllers, operator.Matching(operator.ControllerFilter{Organisation: "RR8"}))
		if err != nil || len(found) != 1 || !found[0].Permits || found[0].ID != consumer.ID() {
			t.Errorf("found %+v, %v", found, err)
		}
		rights, err := operator.ShowController.Do(t.Context(), d, operator.ControllerOf{Organisation: "RR8"})
		if want := []string{"NEMS_EVENT_ID:VACCINATIONS_1", "NEMS_SUBS_TYPE:EXPLICIT"}; err != nil || !cmp.Equal(rights.Bags, want) {
			t.Errorf("rights %+v, %v", rights, err)
		}
		for _, q := range []struct {
			operator.ControllerQuestion
			allowed bool
		}{
			{operator.ControllerQuestion{Organisation: "RR8", Role: controllers.Consumer, Event: "vaccinations-1", Rule: "EXPLICIT"}, true},
			{operator.ControllerQuestion{Organisation: "RR8", Role: controllers.Consumer, Event: "vaccinations-1", Grant: "stream"}, false},
			{operator.ControllerQuestion{Organisation: "RAT", Role: controllers.Publisher, Event: "vaccinations-1"}, false},
		} {
			if v, err := operator.JudgeController.Do(t.Context(), d, q.ControllerQuestion); err != nil || v.Allowed != q.allowed || (v.Lacks == "") != q.allowed {
				t.Errorf("%+v: %+v, %v", q, v, err)
			}
		}
		for action, want := range map[audit.Action]int{audit.ActionPutController: 2, audit.ActionRemoveController: 1} {
			told := all(t, operator.Each(t.Context(), desk, operator.SearchAudit, operator.Matching(operator.Filter{Action: action})))
			if len(told) != want {
				t.Errorf("%s: recorded %+v", action, told)
			}
			for _, e := range told {
				if e.Reason == "" || e.ODS == "" || e.EventType != "vaccinations-1" {
					t.Errorf("recorded %+v", e)
				}
			}
		}
	})
}

// A list of rows is read in pages, in order and without gaps.
func TestControllerRowsInPages(t *testing.T) {
	d := newDesk(t)
	var rows []controllers.Row
	for i := range 25 {
		rows = append(rows, controllerRow(nhs.ODSCode(fmt.Sprintf("A%04d", i)), controllers.Publisher))
	}
	rows[3].Setting = "UHV"
	if err := operator.ChangeControllers.Run(t.Context(), d, change(rows...)); err != nil {
		t.Fatal(err)
	}
	q := operator.Matching(operator.ControllerFilter{})
	q.Limit = 4
	var got []string
	for r, err := range operator.Each(t.Context(), d, operator.FindControllers, q) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ID)
	}
	var want []string
	for _, r := range rows {
		want = append(want, r.ID())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is wrong with one row keeps all from being changed.
func TestWrongControllerRows(t *testing.T) {
	eachOf(t, func(t *testing.T, _ operator.Desk, d operator.Face) {
		right, wrong := controllerRow("RAT", controllers.Publisher), controllerRow("RR8", controllers.Consumer)
		wrong.Basis.Code = "consent"
		for field, c := range map[string]operator.ControllerChange{
			"rows[1].basis.code": change(right, wrong),
			"rows[1]":            change(right, right),
			"reason":             {Rows: []controllers.Row{right}},
		} {
			var refused *operator.Error
			if _, err := operator.ChangeControllers.Do(t.Context(), d, c); !errors.As(err, &refused) || refused.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		if err := operator.ChangeControllers.Run(t.Context(), d, operator.ControllerChange{Removed: []string{"none"}, Reason: "r"}); !errors.Is(err, operator.NotFound) {
			t.Errorf("removing what is not there: %v", err)
		}
		if found, err := operator.All(t.Context(), d, operator.FindControllers, operator.Matching(operator.ControllerFilter{})); err != nil || len(found) != 0 {
			t.Errorf("kept %+v, %v", found, err)
		}
	})
}

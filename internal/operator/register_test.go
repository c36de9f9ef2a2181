package operator_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/controllers"
	"nems/internal/operator"
	"nems/internal/store"
)

// row puts a row into the controller catalogue.
func (d explainDesk) row(r controllers.Row) {
	d.t.Helper()
	stored, err := operator.EncodeController(r)
	if err == nil {
		err = d.db.ChangeControllerRows(d.t.Context(), []store.ControllerRow{stored}, nil, nil)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func date(t *testing.T, text string) controllers.Date {
	t.Helper()
	day, err := controllers.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return day
}

// The register counts subscriptions by organisation, event type and rule, says why as
// the catalogue does, and names nobody.
func TestRegisterOfProcessing(t *testing.T) {
	d := newExplainDesk(t)
	d.subscribe("HERE", aboutPatient)
	d.subscribe("HERE", inLeeds)
	d.row(controllers.Row{Organisation: "RR8", Role: controllers.Consumer, Event: "vaccinations-1", Status: controllers.Live, Purpose: "child health records",
		Basis: controllers.Basis{Code: "direct-care", Reference: "DSA 1"}, Decided: controllers.Decided{By: "IWG", On: date(t, "2025-01-02"), Review: date(t, "2026-01-02")}, Retention: "10y"})
	d.row(controllers.Row{Organisation: "X26", Role: controllers.Publisher, Event: "vaccinations-1", Status: controllers.Live, Purpose: "sharing"})
	d.collected("HERE", d.vaccinated("new", "a"))
	found, err := operator.WriteRegister.Do(t.Context(), d, operator.RegisterQuestion{})
	if err != nil || len(found.Entries) != 3 || found.Next != "" {
		t.Fatalf("%+v, %v", found, err)
	}
	for i, rule := range []string{"CHO_POSTCODE_CCG", "EXPLICIT"} {
		e := found.Entries[i]
		if e.ODS != "RR8" || e.Role != controllers.Consumer || e.Rule != rule || e.Subscriptions != 1 || len(e.Systems) != 1 || e.Channels[0] != "mesh" ||
			e.Purposes[0] != "child health records" || e.Bases[0] != "direct-care (DSA 1)" || e.Review != "2026-01-02" || e.Kept != "30d" || e.Retention != "10y" || e.Copies != 0 {
			t.Errorf("%+v", e)
		}
	}
	if e := found.Entries[2]; e.ODS != "X26" || e.Role != controllers.Publisher || e.Subscriptions != 0 || e.Purposes[0] != "sharing" {
		t.Errorf("%+v", e)
	}
	if text, _ := json.Marshal(found); strings.Contains(string(text), patientsNumber) {
		t.Error("the register names a patient")
	}
	one, err := operator.WriteRegister.Do(t.Context(), d, operator.RegisterQuestion{ODS: "RR8"})
	if err != nil || len(one.Entries) != 2 || one.Entries[0].Copies != 1 || one.Entries[1].Copies != 1 || one.Entries[1].Last.IsZero() {
		t.Errorf("%+v, %v", one, err)
	}
	var table bytes.Buffer
	if err := operator.WriteRegisterCSV(&table, found); err != nil {
		t.Fatal(err)
	}
	if rows, err := csv.NewReader(&table).ReadAll(); err != nil || len(rows) != 4 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// What is older than a year is due, and so is a row whose review is late.
func TestReviews(t *testing.T) {
	d := newExplainDesk(t)
	old := d.subscribe("HERE", aboutPatient)
	d.subscribe("HERE", inLeeds)
	d.row(controllers.Row{Organisation: "RR8", Role: controllers.Consumer, Event: "vaccinations-1", Status: controllers.Live,
		Decided: controllers.Decided{By: "IWG", On: date(t, "2025-01-02"), Review: date(t, "2026-01-02")}})
	list := func(f operator.ReviewFilter, limit int) []operator.Review {
		q := operator.Matching(f)
		q.Limit = limit
		return all(t, operator.Each(t.Context(), d, operator.ListReviews, q))
	}
	if found := list(operator.ReviewFilter{}, 0); len(found) != 1 || found[0].What != "catalogue row" || !strings.Contains(found[0].Why, "review was due") {
		t.Errorf("%+v", found)
	}
	d.Now = func() time.Time { return now.AddDate(1, 0, 1) }
	for _, limit := range []int{0, 1, 2} {
		found := list(operator.ReviewFilter{}, limit)
		i := slices.IndexFunc(found, func(r operator.Review) bool { return r.ID == old })
		if len(found) != 3 || found[0].What != "catalogue row" || i < 0 || found[i].Rule != "EXPLICIT" || found[i].Why != "it is 366 days old" {
			t.Errorf("limit %d: %+v", limit, found)
		}
	}
	if found := list(operator.ReviewFilter{ODS: "X26"}, 0); len(found) != 0 {
		t.Errorf("of another: %+v", found)
	}
	if found := list(operator.ReviewFilter{Older: 400}, 0); len(found) != 1 {
		t.Errorf("older: %+v", found)
	}
}

// Who received what about a patient is told from the store, and from the audit of what
// was removed.
func TestRecipients(t *testing.T) {
	d := newExplainDesk(t)
	d.subscribe("HERE", aboutPatient)
	d.subscribe("ALSO", inLeeds)
	d.row(controllers.Row{Organisation: "RR8", Role: controllers.Consumer, Event: "vaccinations-1", Status: controllers.Live, Purpose: "child health records"})
	first := d.vaccinated("new", "a")
	d.collected("HERE", first)
	d.vaccinated("new", "b")
	ask := func() operator.Recipients {
		found, err := operator.TellRecipients.Do(t.Context(), d, operator.RecipientsQuestion{Patient: patientsNumber, Reason: "subject access"})
		if err != nil || len(found.Recipients) != 2 {
			t.Fatalf("%+v, %v", found, err)
		}
		if text, _ := json.Marshal(found); strings.Contains(string(text), patientsNumber) {
			t.Error("it names the patient")
		}
		return found
	}
	here := ask().Recipients[0]
	if here.ODS != "RR8" || here.Mailbox != "HERE" || here.Copies != 2 || here.Collected != 1 || fmt.Sprint(here.Rules) != "[EXPLICIT]" || here.Purposes[0] != "child health records" || here.Evidence != "store" {
		t.Errorf("%+v", here)
	}
	d.collected("ALSO", first)
	if _, err := d.db.Purge(t.Context(), d.db.Moment(store.EventID(first)).Add(time.Millisecond), 1); err != nil {
		t.Fatal(err)
	}
	d.expectEntry(audit.ActionReadRecipients, "subject access")
	found := ask()
	if here := found.Recipients[0]; found.Removed == 0 || here.Copies != 2 && found.Removed == 1 || here.Collected != 1 || here.Evidence == "store" {
		t.Errorf("%+v", found)
	}
	if _, err := operator.TellRecipients.Do(t.Context(), d, operator.RecipientsQuestion{Patient: patientsNumber}); err == nil {
		t.Error("without a reason")
	}
}

package operator_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

// published publishes an event as the broker does, with its entry in the audit.
func (d explainDesk) published(patient string, change ...func(*store.Acceptance)) int64 {
	return d.publish(append(change, func(a *store.Acceptance) {
		n, err := nhs.ParseNHSNumber(patient)
		if err != nil {
			d.t.Fatal(err)
		}
		a.Patient = n
		a.Audit = audit.Entry{At: now, Action: audit.ActionPublish, Object: strconv.FormatInt(int64(a.Event), 10), Patient: n}
	})...)
}

func TestFindEvents(t *testing.T) {
	d := newExplainDesk(t)
	for asid, ods := range map[nhs.ASID]nhs.ODSCode{"300000000161": "A83627", "477121000323": "X26"} {
		s := system(asid)
		s.ODSCodes = []nhs.ODSCode{ods}
		if err := operator.PutSystems.Run(t.Context(), d.Desk, []spine.Registration{s}); err != nil {
			t.Fatal(err)
		}
	}
	d.subscribe("HERE", "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"+patientsNumber+"&MessageHeader.event=vaccinations-1")
	first := d.published(patientsNumber)
	second := d.published("9434765919", func(a *store.Acceptance) { a.Publisher, a.Kind = "477121000323", "update" })
	box, err := d.db.Mailbox(t.Context(), "HERE")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter operator.EventFilter
		want   []int64
	}{
		"all":                   {operator.EventFilter{}, []int64{second, first}},
		"organisation":          {operator.EventFilter{ODS: "X26"}, []int64{second}},
		"no such organisation":  {operator.EventFilter{ODS: "RX3EP"}, []int64{}},
		"another's system":      {operator.EventFilter{ODS: "X26", Publisher: "300000000161"}, []int64{}},
		"kind":                  {operator.EventFilter{Kind: "new"}, []int64{first}},
		"MESH message id":       {operator.EventFilter{MESHID: mesh.FormatMessageID(first, box.Row)}, []int64{first}},
		"local id":              {operator.EventFilter{MESHID: store.DeliveryID(store.EventID(second), box.Row)}, []int64{second}},
		"no such id":            {operator.EventFilter{MESHID: "20260302120000000001_000000"}, []int64{}},
		"patient":               {operator.EventFilter{Patient: "943 476 5919"}, []int64{second}},
		"patient and publisher": {operator.EventFilter{Patient: patientsNumber, Publisher: "477121000323"}, []int64{}},
		"another patient":       {operator.EventFilter{Patient: "9990000018"}, []int64{}},
		"time":                  {operator.EventFilter{From: now.Add(100 * 365 * 24 * time.Hour)}, []int64{}},
	} {
		got := []int64{}
		for _, e := range all(t, operator.Each(t.Context(), d.Desk, operator.FindEvents, operator.Matching(c.filter))) {
			got = append(got, e.Event)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: expected %v, received %v", name, c.want, got)
		}
	}
	page, err := operator.FindEvents.Do(t.Context(), d.Desk, operator.Search[operator.EventFilter]{Paging: operator.Paging{Limit: 1}})
	if err != nil || len(page.Items) != 1 || page.Items[0].ODS != "X26" || page.Next == "" {
		t.Errorf("the first page: %+v, %v", page, err)
	}
}

// Who may not see patients may not find out, either, what was published about one.
func TestFindEventsOfAPatient(t *testing.T) {
	d := newExplainDesk(t)
	d.published(patientsNumber)
	viewer := d.Desk
	viewer.Roles = []operator.Role{operator.Viewer}
	ofPatient := operator.Matching(operator.EventFilter{Patient: patientsNumber})
	if _, err := operator.FindEvents.Do(t.Context(), viewer, ofPatient); !errors.Is(err, operator.Forbidden) {
		t.Errorf("a viewer: expected forbidden, received %v", err)
	}
	if _, err := operator.FindEvents.Do(t.Context(), viewer, operator.Matching(operator.EventFilter{})); err != nil {
		t.Errorf("a viewer, without a patient: %v", err)
	}
	for _, f := range []operator.EventFilter{{Patient: "1"}, {Outcome: "lost"}, {ODS: "a b"}} {
		if _, err := operator.FindEvents.Do(t.Context(), d.Desk, operator.Matching(f)); !errors.Is(err, operator.Invalid) {
			t.Errorf("expected invalid, received %v", err)
		}
	}
	if _, err := operator.FindEvents.Do(t.Context(), d.Desk, ofPatient); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the audit says who looked for whom", func() bool {
		found := all(t, operator.Each(t.Context(), d.Desk, operator.SearchAudit, operator.Matching(operator.Filter{Action: audit.ActionFindEvents, Patient: patientsNumber})))
		return len(found) == 1 && found[0].User == d.User
	})
}

package operator_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/directory"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/subscription"
)

const patientsNumber = "9912003888"

// explainDesk is a desk with subscriptions to a patient and places, and events.
type explainDesk struct {
	operator.Desk
	t  *testing.T
	db *sqlite.DB
}

func newExplainDesk(t *testing.T) explainDesk {
	d := newDesk(t)
	db, ok := d.Store.(*sqlite.DB)
	if !ok {
		t.Fatal("another store")
	}
	d.Organisations = named{"15F": "NHS Leeds ICB"}
	for _, box := range []store.Mailbox{{ID: "HERE", ODS: "RR8"}, {ID: "ALSO", ODS: "X26"}, {ID: "FAR", ODS: "X26", Remote: true}} {
		if _, err := db.PutMailbox(t.Context(), box); err != nil {
			t.Fatal(err)
		}
	}
	return explainDesk{d, t, db}
}

// named are organisations with these names.
type named map[nhs.ODSCode]string

func (n named) Organisation(_ context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	if n[code] == "" {
		return directory.Organisation{}, directory.ErrNotFound
	}
	return directory.Organisation{Code: code, Name: n[code]}, nil
}

func (d explainDesk) subscribe(box, criteria string) string {
	d.t.Helper()
	c, err := subscription.ParseCriteria("/Bundle?type=message" + criteria)
	if err != nil {
		d.t.Fatal(err)
	}
	s := subscription.Subscription{ID: subscription.NewID(now), ASID: "200000000115", ODS: "RR8", Mailbox: box, Criteria: c,
		Status: subscription.Active, Reason: "test", Created: now, Version: 1}
	if err := d.db.Subscribe(d.t.Context(), s, audit.Entry{At: now, Action: "subscribe"}); err != nil {
		d.t.Fatal(err)
	}
	return s.ID.String()
}

func vaccinatedFacts() subscription.Facts {
	return subscription.Facts{EventCode: "vaccinations-1", BirthDate: now.AddDate(-8, 0, 0), Registered: new(true),
		Keys: []subscription.RouteKey{{Kind: subscription.ByPatient, Value: patientsNumber}, {Kind: subscription.BySubICBPostcode, Value: "15F"}}}
}

func (d explainDesk) publish(change ...func(*store.Acceptance)) int64 {
	d.t.Helper()
	event, body := d.db.NextPosition(), []byte("<Bundle/>")
	patient, _ := nhs.ParseNHSNumber(patientsNumber)
	a := store.Acceptance{Event: event, Code: "vaccinations-1", Kind: "new", Workflow: "VACCINATIONS_1", MessageID: "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001",
		Publisher: "300000000161", Patient: patient, Body: store.Compress(body, sha256.Sum256(body)), Facts: vaccinatedFacts(), Audit: audit.Entry{At: now, Action: "publish"}}
	a.Facts.At = d.db.Moment(event)
	for _, f := range change {
		f(&a)
	}
	if _, err := d.db.AcceptEvent(d.t.Context(), a); err != nil {
		d.t.Fatal(err)
	}
	return int64(event)
}

// explain asks for all pages, of one subscription each.
func (d explainDesk) explain(q operator.EventQuestion) operator.Explained {
	d.t.Helper()
	s := operator.Matching(q)
	s.Limit = 1
	all, err := operator.ExplainEvent.Do(d.t.Context(), d, s)
	for next := all.Next; err == nil && next != ""; {
		var page operator.Explained
		s.After = next
		page, err = operator.ExplainEvent.Do(d.t.Context(), d, s)
		all.Subscriptions, next = append(all.Subscriptions, page.Subscriptions...), page.Next
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

func (d explainDesk) one(q operator.EventQuestion) operator.ExplainedSubscription {
	d.t.Helper()
	all := d.explain(q).Subscriptions
	if len(all) != 1 {
		d.t.Fatalf("expected one subscription; received %+v", all)
	}
	return all[0]
}

// unmet are the criteria that do not hold, as "criterion: fact, not wanted".
func unmet(s operator.ExplainedSubscription) string {
	var out []string
	for _, c := range s.Criteria {
		if !c.Holds {
			out = append(out, fmt.Sprintf("%s: %s, not %s", c.Criterion, c.Fact, c.Wanted))
		}
	}
	return strings.Join(out, "; ")
}

const (
	aboutPatient = "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + patientsNumber + "&MessageHeader.event=vaccinations-1"
	inLeeds      = "&MessageHeader.event=vaccinations-1&subscriptionRuleType=CHO_POSTCODE_CCG&Organization.identifier=15F"
)

func TestExplainingAnEvent(t *testing.T) {
	d := newExplainDesk(t)
	own := d.subscribe("HERE", aboutPatient)
	other := d.subscribe("HERE", inLeeds+"&Patient.age=lt5")
	leeds := d.subscribe("HERE", inLeeds)
	far := d.subscribe("FAR", inLeeds+"&GPRegistration=UnregisteredOnly")
	elsewhere := d.subscribe("ALSO", strings.Replace(inLeeds, "15F", "02V", 1))
	gone := d.subscribe("ALSO", aboutPatient)
	event := d.publish()
	id, _ := subscription.ParseID(gone)
	if err := d.db.Delete(t.Context(), id, audit.Entry{At: now, Action: "delete"}); err != nil {
		t.Fatal(err)
	}

	all := d.explain(operator.EventQuestion{Event: fmt.Sprint(event)})
	if e := all.Event; e.Event != event || e.EventType != "vaccinations-1" || e.Note != "" || len(e.Facts) != 3 || e.Facts[0].Name != "NHS Leeds ICB" {
		t.Errorf("the event: %+v", e)
	}
	want := map[string]struct {
		matched bool
		failing string
		told    string
	}{
		own:   {true, "", "waits in the mailbox HERE"},
		leeds: {true, "", "waits in the mailbox HERE"},
		other: {false, "age: 8 years, not under 5 years", "waits in the mailbox HERE"},
		far:   {false, "registration: registered with a GP practice, not not registered with a GP practice", ""},
		gone:  {true, "", "waits in the mailbox ALSO"},
	}
	if len(all.Subscriptions) != len(want) {
		t.Errorf("%d subscriptions: %+v", len(all.Subscriptions), all.Subscriptions)
	}
	for _, got := range all.Subscriptions {
		w := want[got.ID]
		if got.Matched != w.matched || unmet(got) != w.failing || got.Copy.Told != w.told {
			t.Errorf("%s: expected %+v; received %+v, copy %+v", got.ID, w, got, got.Copy)
		}
	}
	if got := d.one(operator.EventQuestion{Event: fmt.Sprint(event), Subscription: elsewhere}); got.Matched || unmet(got) != "area of the home: 15F, not 02V" ||
		got.AsksFor != "patients living in 02V, any GP practice: Vaccinations" {
		t.Errorf("another place: %+v", got)
	}
	if got := d.one(operator.EventQuestion{Event: fmt.Sprint(event), Subscription: gone}); !got.Matched || got.Note == "" || got.Copy.ID == "" || got.Mailbox != "ALSO" {
		t.Errorf("deleted: %+v", got)
	}
	if got := d.explain(operator.EventQuestion{Event: fmt.Sprint(event), Mailbox: "here"}).Subscriptions; len(got) != 3 {
		t.Errorf("of a mailbox: %+v", got)
	}
	if got := d.one(operator.EventQuestion{Event: fmt.Sprint(event), Patient: patientsNumber}); got.ID != own || got.Copy.With != 1 || !got.Copy.Names {
		t.Errorf("of a patient: %+v", got)
	}
}

// An event is found by each of its names, and by no other.
func TestNamingAnEvent(t *testing.T) {
	d := newExplainDesk(t)
	own := d.subscribe("HERE", aboutPatient)
	event := d.publish()
	box, err := d.db.Mailbox(t.Context(), "HERE")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fmt.Sprint(event), "0A0AA0F4-8f5c-4a1c-9b5a-2f3f7a1d0001", mesh.FormatMessageID(event, box.Row), store.DeliveryID(store.EventID(event), box.Row)} {
		if got := d.explain(operator.EventQuestion{Event: name, Subscription: own}); got.Event.Event != event {
			t.Errorf("%s: %+v", name, got.Event)
		}
	}
	for name, want := range map[string]operator.Code{
		"": operator.Invalid, "1": operator.NotFound, "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0002": operator.NotFound, strings.Repeat("x", 201): operator.Invalid,
	} {
		if _, err := operator.ExplainEvent.Do(t.Context(), d, operator.Matching(operator.EventQuestion{Event: name})); !errors.Is(err, want) {
			t.Errorf("%q: expected %s; received %v", name, want, err)
		}
	}
	for what, q := range map[string]operator.EventQuestion{
		"two":            {Event: fmt.Sprint(event), Mailbox: "HERE", Subscription: own},
		"a bad id":       {Event: fmt.Sprint(event), Subscription: "x"},
		"no NHS number":  {Event: fmt.Sprint(event), Patient: "1234567890"},
		"another's page": {Event: fmt.Sprint(event)},
	} {
		s := operator.Matching(q)
		if what == "another's page" {
			s.After = "bm90IG91cnM"
		}
		if _, err := operator.ExplainEvent.Do(t.Context(), d, s); !errors.Is(err, operator.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What keeps an event from being matched is a criterion of its own.
func TestExplainingHindrances(t *testing.T) {
	d := newExplainDesk(t)
	own := d.subscribe("HERE", aboutPatient)
	withheld := d.publish(func(a *store.Acceptance) { a.Withheld = true })
	waiting := d.publish(func(a *store.Acceptance) { a.Deferred = true })
	for event, want := range map[int64]string{
		withheld: "not withheld: the record is flagged, not a patient whose record is not flagged",
		waiting:  "routed: the patient directory is away, not a patient whom the directory knows",
	} {
		all := d.explain(operator.EventQuestion{Event: fmt.Sprint(event), Subscription: own})
		if got := all.Subscriptions[0]; got.Matched || unmet(got) != want || got.Copy.ID != "" || all.Event.Note == "" {
			t.Errorf("expected %q; received %+v, %q", want, got, all.Event.Note)
		}
	}
}

// Who has collected a copy, the audit tells.
func TestExplainingACollectedCopy(t *testing.T) {
	d := newExplainDesk(t)
	own := d.subscribe("HERE", aboutPatient)
	event := d.publish()
	box, err := d.db.Mailbox(t.Context(), "HERE")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC()
	e := audit.Entry{At: at, Action: audit.ActionAcknowledge, Mailbox: "HERE", Object: mesh.FormatMessageID(event, box.Row), Certificate: "CN=leeds"}
	if err := d.db.Acknowledge(t.Context(), box.Row, store.EventID(event), at, &e); err != nil {
		t.Fatal(err)
	}
	got := d.one(operator.EventQuestion{Event: fmt.Sprint(event), Subscription: own})
	if got.Copy.Collected != "CN=leeds" || !strings.HasPrefix(got.Copy.Told, "was collected from the mailbox HERE at ") {
		t.Errorf("received %+v", got.Copy)
	}
}

// That somebody looked is in the audit, with the patient.
func TestExplainingIsRecorded(t *testing.T) {
	d := newExplainDesk(t)
	event := d.publish()
	d.explain(operator.EventQuestion{Event: fmt.Sprint(event)})
	eventually(t, "the look is recorded", func() bool {
		found := all(t, operator.Each(t.Context(), d, operator.SearchAudit, operator.Matching(operator.Filter{Action: audit.ActionExplain})))
		return len(found) == 1 && found[0].Object == fmt.Sprint(event) && found[0].Patient == patientsNumber && found[0].User == "desk"
	})
}

func TestExplainingAMessage(t *testing.T) {
	d := newExplainDesk(t)
	own := d.subscribe("HERE", aboutPatient)
	d.subscribe("ALSO", inLeeds+"&Patient.age=lt5")
	q := operator.Matching(operator.MessageQuestion{Message: "<Bundle/>"})
	if _, err := operator.ExplainMessage.Do(t.Context(), d, q); !errors.Is(err, operator.Conflict) {
		t.Errorf("without a service: %v", err)
	}
	d.Check = func(_ context.Context, message []byte) (broker.Checked, error) {
		facts := vaccinatedFacts()
		facts.At = now.Add(time.Hour)
		return broker.Checked{EventType: "vaccinations-1", Kind: "new", MessageID: string(message), Facts: facts}, nil
	}
	var ids []string
	for after := ""; ; {
		q.After = after
		page, err := operator.ExplainMessage.Do(t.Context(), d, q)
		if err != nil || page.Event.MessageID != "<Bundle/>" || page.Event.Event != 0 {
			t.Fatalf("%+v, %v", page.Event, err)
		}
		for _, s := range page.Subscriptions {
			if ids = append(ids, s.ID); s.Matched != (s.ID == own) || s.Copy.ID != "" || s.Note != "" {
				t.Errorf("%+v", s)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(ids) != 2 || !slices.Contains(ids, own) {
		t.Errorf("subscriptions: %v", ids)
	}
	d.Check = func(context.Context, []byte) (broker.Checked, error) {
		return broker.Checked{}, refuse.MessageNotWellFormed("line 1: it ends too early")
	}
	_, err := operator.ExplainMessage.Do(t.Context(), d, operator.Matching(operator.MessageQuestion{Message: "<"}))
	if !errors.Is(err, operator.Invalid) || !strings.Contains(err.Error(), "ends too early") {
		t.Errorf("a refused message: %v", err)
	}
}

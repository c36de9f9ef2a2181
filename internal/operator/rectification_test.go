package operator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue/example"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
)

var focusIdentifier = regexp.MustCompile(`(<system value="https://example\.nhs\.uk/identifiers"/><value value=")[^"]*`)

// vaccinated publishes a vaccination, of a kind, that is about a thing.
func (d explainDesk) vaccinated(kind, thing string, change ...func(*store.Acceptance)) int64 {
	d.t.Helper()
	message, err := example.Message("vaccinations-1", kind, example.Patient{NHSNumber: patientsNumber})
	if err != nil {
		d.t.Fatal(err)
	}
	message = focusIdentifier.ReplaceAll(message, []byte("${1}"+thing))
	return d.publish(append([]func(*store.Acceptance){func(a *store.Acceptance) {
		a.Kind, a.Body = kind, store.Compress(message, sha256.Sum256(message))
		a.Audit = audit.Entry{At: a.Facts.At, Action: audit.ActionPublish, ASID: a.Publisher, Object: fmt.Sprint(int64(a.Event)), EventType: a.Code, Patient: a.Patient, Status: 202}
	}}, change...)...)
}

// collected acknowledges the copy of a mailbox.
func (d explainDesk) collected(box string, event int64) {
	d.t.Helper()
	m, err := d.db.Mailbox(d.t.Context(), box)
	if err != nil {
		d.t.Fatal(err)
	}
	patient, _ := nhs.ParseNHSNumber(patientsNumber)
	at := d.db.Moment(store.EventID(event)).Add(time.Second)
	err = d.db.Acknowledge(d.t.Context(), m.Row, store.EventID(event), at, &audit.Entry{At: at, Action: audit.ActionAcknowledge,
		Object: mesh.FormatMessageID(event, m.Row), Patient: patient, Mailbox: box, Status: 200})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d explainDesk) trail(q operator.RectificationQuestion) operator.Rectification {
	d.t.Helper()
	q.Reason = "a test"
	found, err := operator.TellRectification.Do(d.t.Context(), d, q)
	if err != nil {
		d.t.Fatal(err)
	}
	if len(found.Trails) != 1 {
		d.t.Fatalf("expected one trail; received %+v", found)
	}
	return found.Trails[0]
}

// holder is what a trail says of a mailbox.
func holder(t *testing.T, r operator.Rectification, box string) operator.Holder {
	t.Helper()
	for _, h := range r.Holders {
		if h.Mailbox == box {
			return h
		}
	}
	t.Fatalf("%s is not among %+v", box, r.Holders)
	return operator.Holder{}
}

// withdrawn publishes two vaccinations, and withdraws the first of them.
func (d explainDesk) withdrawn() (first, other, withdrawal int64) {
	d.t.Helper()
	for _, box := range []string{"GONE", "PARKED"} {
		if _, err := d.db.PutMailbox(d.t.Context(), store.Mailbox{ID: box, ODS: "RR8", Remote: box == "PARKED"}); err != nil {
			d.t.Fatal(err)
		}
	}
	d.subscribe("HERE", aboutPatient)
	d.subscribe("ALSO", inLeeds)
	leaving := d.subscribe("GONE", aboutPatient)
	d.subscribe("PARKED", aboutPatient)
	first = d.vaccinated("new", "jab-1")
	other = d.vaccinated("new", "jab-2")
	for _, box := range []string{"HERE", "ALSO", "GONE"} {
		d.collected(box, first)
	}
	if err := operator.DeleteSubscriptions.Run(d.t.Context(), d, operator.Ending{IDs: []string{leaving}, Reason: "the patient moved"}); err != nil {
		d.t.Fatal(err)
	}
	d.subscribe("FAR", aboutPatient) // has the withdrawal alone
	withdrawal = d.vaccinated("delete", "jab-1")
	d.collected("HERE", withdrawal)
	var parked string
	for _, c := range all(d.t, operator.Each(d.t.Context(), d, operator.FindDeliveries, operator.Matching(operator.DeliveryFilter{Mailbox: "PARKED"}))) {
		if c.Event == withdrawal {
			parked = c.ID
		}
	}
	if _, err := operator.MoveDeliveries.Do(d.t.Context(), d, operator.Moving{Move: operator.Park, IDs: []string{parked}}); err != nil {
		d.t.Fatal(err)
	}
	return first, other, withdrawal
}

// A vaccination is withdrawn. Of those who had it one has collected the withdrawal, one
// has it waiting, one has deleted its subscription, and one's copy is parked. Another
// vaccination of the same patient has nothing to do with it.
func TestRectificationTrail(t *testing.T) {
	d := newExplainDesk(t)
	first, other, withdrawal := d.withdrawn()
	for name, q := range map[string]operator.RectificationQuestion{
		"by the event": {Event: fmt.Sprint(first)}, "by its correction": {Event: fmt.Sprint(withdrawal)}, "by the patient": {Patient: patientsNumber},
	} {
		t.Run(name, func(t *testing.T) {
			d := d
			d.t = t
			trail := d.trail(q)
			if trail.Correction != withdrawal || trail.Kind != "delete" || len(trail.Versions) != 2 || len(trail.Holders) != 4 || trail.ToAct != 2 {
				t.Fatalf("%+v", trail)
			}
			for box, want := range map[string]struct {
				told operator.Told
				act  bool
				why  string
			}{
				"HERE": {operator.ToldCollected, false, ""}, "ALSO": {operator.ToldWaiting, false, ""},
				"GONE": {operator.ToldNot, true, "was deleted"}, "PARKED": {operator.ToldNot, true, "the copy is parked"},
			} {
				h := holder(t, trail, box)
				if h.Event != first || h.Told != want.told || h.Act != want.act || !strings.Contains(h.Why, want.why) || h.Evidence != "store" {
					t.Errorf("%s: %+v", box, h)
				}
				if box != "GONE" && (len(h.Systems) != 1 || h.ODS == "") {
					t.Errorf("%s: of %v, %s", box, h.Systems, h.ODS)
				}
			}
		})
	}
	if trail := d.trail(operator.RectificationQuestion{Event: fmt.Sprint(other)}); trail.Correction != 0 || len(trail.Versions) != 1 || trail.ToAct != 0 {
		t.Errorf("one that was not corrected: %+v", trail)
	}
	d.wantTable(fmt.Sprint(first), 5)
	d.expectEntry(audit.ActionReadRectification, "a test")
}

// wantTable writes the trail of an event for a spreadsheet.
func (d explainDesk) wantTable(event string, lines int) {
	d.t.Helper()
	var table bytes.Buffer
	found, err := operator.TellRectification.Do(d.t.Context(), d, operator.RectificationQuestion{Event: event, Reason: "a test"})
	if err != nil {
		d.t.Fatal(err)
	}
	if err := operator.WriteRectificationCSV(&table, found); err != nil {
		d.t.Fatal(err)
	}
	if rows, err := csv.NewReader(&table).ReadAll(); err != nil || len(rows) != lines {
		d.t.Errorf("%d rows, %v", len(rows), err)
	}
}

// expectEntry waits for an entry about the patient with a reason.
func (d explainDesk) expectEntry(action audit.Action, reason string) {
	d.t.Helper()
	eventually(d.t, string(action), func() bool {
		found := all(d.t, operator.Each(d.t.Context(), d, operator.SearchAudit, operator.Matching(operator.Filter{Action: action, Patient: patientsNumber})))
		return len(found) > 0 && found[0].Reason == reason
	})
}

// Whose subscription does not fit the correction is told why.
func TestRectificationOfWhatFitsNoMore(t *testing.T) {
	d := newExplainDesk(t)
	d.subscribe("HERE", inLeeds)
	first := d.vaccinated("new", "jab")
	d.vaccinated("update", "jab", func(a *store.Acceptance) { a.Facts.Keys = a.Facts.Keys[:1] })
	h := holder(t, d.trail(operator.RectificationQuestion{Event: fmt.Sprint(first)}), "HERE")
	if h.Told != operator.ToldNot || !h.Act || !strings.Contains(h.Why, "does not fit any more") || !strings.Contains(h.Why, "15F") {
		t.Errorf("%+v", h)
	}
}

// What retention has removed is told from the audit: who collected it is known still.
func TestRectificationFromTheAudit(t *testing.T) {
	d := newExplainDesk(t)
	d.subscribe("HERE", aboutPatient)
	first := d.vaccinated("new", "jab")
	d.collected("HERE", first)
	if _, err := d.db.Purge(t.Context(), time.Now().Add(time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	second := d.vaccinated("update", "jab")
	for _, event := range []int64{first, second} {
		trail := d.trail(operator.RectificationQuestion{Event: fmt.Sprint(event)})
		h := holder(t, trail, "HERE")
		if trail.Correction != second || !trail.Versions[0].Removed || trail.Note == "" || h.Evidence != "audit" || h.Collected.IsZero() || h.Told != operator.ToldWaiting {
			t.Errorf("event %d: %+v", event, trail)
		}
	}
	// Then the correction goes, too.
	d.collected("HERE", second)
	if _, err := d.db.Purge(t.Context(), time.Now().Add(time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	trail := d.trail(operator.RectificationQuestion{Event: fmt.Sprint(first)})
	if trail.Correction != 0 || holder(t, trail, "HERE").Evidence != "audit" {
		t.Errorf("%+v", trail)
	}
}

func TestRectificationRefusals(t *testing.T) {
	d := newExplainDesk(t)
	event := fmt.Sprint(d.publish()) // its message says nothing
	for name, q := range map[string]operator.RectificationQuestion{
		"neither":      {Reason: "a"},
		"both":         {Event: event, Patient: patientsNumber, Reason: "a"},
		"no reason":    {Event: event},
		"no number":    {Patient: "1", Reason: "a"},
		"no identity":  {Event: event, Reason: "a"},
		"unknown":      {Event: "1", Reason: "a"},
		"unknown name": {Event: "none", Reason: "a"},
	} {
		if found, err := operator.TellRectification.Do(t.Context(), d, q); err == nil {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

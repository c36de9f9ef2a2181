package operator_test

import (
	"testing"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

// What is older than its rule is found, unless it is still to be collected; what
// housekeeping has not come to is not held against it.
func TestProvingRetention(t *testing.T) {
	d := newExplainDesk(t)
	d.subscribe("HERE", aboutPatient)
	collected, waiting := d.vaccinated("new", "a"), d.vaccinated("new", "b")
	d.collected("HERE", collected)
	prove := func(at time.Time) operator.ProvenRetention {
		t.Helper()
		d.Now = func() time.Time { return at }
		proof, err := operator.ProveRetention.Do(t.Context(), d, operator.RetentionQuestion{EventType: "vaccinations-1"})
		if err != nil || len(proof.Types) != 1 || proof.TooLong != proof.Types[0].TooLong {
			t.Fatalf("%+v, %v", proof, err)
		}
		return proof.Types[0]
	}
	if p := prove(time.Now()); p.TooLong != 0 || p.Waiting != 0 || p.Oldest != collected || p.Retention.Kept != "30d" || p.Retention.Own {
		t.Errorf("%+v", p)
	}
	if p := prove(time.Now().Add(32 * 24 * time.Hour)); p.TooLong != 1 || p.Waiting != 1 || p.TooLongIDs[0] != collected {
		t.Errorf("%+v", p)
	}
	if _, err := d.db.Purge(t.Context(), d.db.Moment(store.EventID(waiting)), 10); err != nil {
		t.Fatal(err)
	}
	p := prove(time.Now().Add(32 * 24 * time.Hour))
	if p.TooLong != 0 || p.Waiting != 1 || p.Oldest != waiting || p.Retention.Since.Events != 1 || p.Retention.Since.Copies != 1 || p.Retention.Since.UpTo != collected {
		t.Errorf("%+v", p)
	}
	if _, err := operator.ProveRetention.Do(t.Context(), d, operator.RetentionQuestion{EventType: "none-1"}); err == nil {
		t.Error("a type that there is not")
	}
}

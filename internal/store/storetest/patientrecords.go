package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/store"
)

// recordOf is the first version of a patient's record.
func recordOf(n nhs.NHSNumber, family string) demographics.Record {
	return demographics.Record{
		NHSNumber: n, SCN: 1, Updated: epoch, BirthDate: "1980-02-29", Gender: "female",
		Names:     []demographics.Name{{ID: "1", Use: "usual", Given: []string{"Ann"}, Family: family}},
		Addresses: []demographics.Address{{ID: "1", Use: "home", Lines: []string{"1 High Street", "", "Leeds"}, Postcode: "LS17 7DF"}},
		Practice:  &demographics.Registration{ID: "1", Practice: "B86056"},
	}
}

// recordChange is the change to a record, with events about its patient.
func (th *harness) recordChange(r demographics.Record, expected int64, events int) *store.RecordChange {
	c := &store.RecordChange{Record: r, Expected: expected, Position: th.NextPosition(), Request: uuid.New(), Who: "tester", Audit: entry("record-change")}
	for n := range events {
		a := th.acceptance(r.NHSNumber, message(int(r.SCN)*100+n))
		a.Code = vaccination
		c.Events = append(c.Events, a)
	}
	return c
}

func patientRecords(t *testing.T, th *harness) {
	box := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	_, err := th.PatientRecord(th.ctx(), jack)
	th.wantError("no record", err, store.ErrNotFound)

	first := th.recordChange(recordOf(jack, "O’Neil"), 0, 2)
	receipts, err := th.ChangeRecord(th.ctx(), first)
	th.must(err)
	if len(receipts) != 2 || receipts[0].Event != first.Events[0].Event || receipts[1].Copies != 1 {
		t.Errorf("receipts: %+v", receipts)
	}
	if got := th.inbox(box); len(got) != 2 {
		t.Errorf("the mailbox has %d copies; expected 2", len(got))
	}
	second := first.Record.Clone()
	second.SCN, second.Updated, second.Practice = 2, epoch.Add(time.Minute), nil
	_, err = th.ChangeRecord(th.ctx(), th.recordChange(second, 7, 1))
	th.wantError("another version", err, store.ErrStale)
	_, err = th.ChangeRecord(th.ctx(), th.recordChange(second, 0, 1))
	th.wantError("a record that is there", err, store.ErrStale)
	if got := th.inbox(box); len(got) != 2 {
		t.Errorf("refused changes left %d copies", len(got)-2)
	}
	change := th.recordChange(second, 1, 1)
	change.Events[0].Withheld = true
	_, err = th.ChangeRecord(th.ctx(), change)
	th.must(err)

	th.fixture.Stop(t)
	th.reopen()
	got, err := th.PatientRecord(th.ctx(), jack)
	if diff := cmp.Diff(second, got, cmp.Comparer(sameNumber)); diff != "" || err != nil {
		t.Errorf("the record: %v\n%s", err, diff)
	}
	versions, err := th.RecordVersions(th.ctx(), jack, 10)
	th.must(err)
	if len(versions) != 2 || versions[0].SCN != 2 || versions[1].Request != first.Request || versions[0].Who != "tester" || !versions[0].Events[0].Withheld {
		t.Errorf("versions: %+v", versions)
	}
	page, err := th.PatientChanges(th.ctx(), 0, 10)
	if err != nil || !slices.Equal(page.Patients, []nhs.NHSNumber{jack, jack}) || len(page.Events) != 0 {
		t.Errorf("changes to learn: %+v, %v", page, err)
	}
}

func sameNumber(a, b nhs.NHSNumber) bool { return a == b }

// Of several who change one version at the same time, one does.
func recordRaces(t *testing.T, th *harness) {
	th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	for version := range int64(3) {
		var mu sync.Mutex
		var done, stale int
		var all sync.WaitGroup
		for range 8 {
			r := recordOf(jack, "Smith")
			r.SCN = version + 1
			c := th.recordChange(r, version, 1)
			all.Go(func() {
				_, err := th.ChangeRecord(th.ctx(), c)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					done++
				case errors.Is(err, store.ErrStale):
					stale++
				default:
					t.Errorf("version %d: %v", version, err)
				}
			})
		}
		all.Wait()
		if done != 1 || stale != 7 {
			t.Errorf("version %d: %d changes were made, %d refused as stale; expected 1 and 7", version, done, stale)
		}
	}
	box, err := th.Mailbox(th.ctx(), "A")
	th.must(err)
	if got := th.inbox(box.Row); len(got) != 3 {
		t.Errorf("the mailbox has %d copies; expected one of each change that was made", len(got))
	}
}

func findingRecords(t *testing.T, th *harness) {
	people := []struct {
		number nhs.NHSNumber
		family string
		born   string
		code   string
	}{
		{number("9990000018"), "O’Neil", "1980-02-29", "LS17 7DF"}, {number("9990000026"), "O'NEILL", "1990-01-01", "LS17 7DF"},
		{number("9990000034"), "Smith", "1980-02-29", "EX2 5SE"},
	}
	for _, p := range people {
		r := recordOf(p.number, p.family)
		r.BirthDate, r.Addresses[0].Postcode = p.born, p.code
		_, err := th.ChangeRecord(th.ctx(), th.recordChange(r, 0, 0))
		th.must(err)
	}
	for _, c := range []struct {
		q    demographics.Query
		want []int
	}{
		{demographics.Query{Limit: 10}, []int{0, 1, 2}},
		{demographics.Query{Limit: 2}, []int{0, 1}},
		{demographics.Query{After: people[0].number, Limit: 10}, []int{1, 2}},
		{demographics.Query{Family: "ONEIL", Limit: 10}, []int{0, 1}},
		{demographics.Query{Family: "ONEILL", Limit: 10}, []int{1}},
		{demographics.Query{BirthFrom: "1980-02-29", BirthTo: "1980-02-29", Limit: 10}, []int{0, 2}},
		{demographics.Query{BirthFrom: "1990-01-01", Limit: 10}, []int{1}},
		{demographics.Query{Postcode: "LS", BirthTo: "1985-01-01", Limit: 10}, []int{0}},
		{demographics.Query{Practice: "B86056", Family: "SMITH", Limit: 10}, []int{2}},
		{demographics.Query{Family: "JONES", Limit: 10}, nil},
	} {
		found, err := th.FindRecords(th.ctx(), c.q)
		th.must(err)
		var got []int
		for _, r := range found {
			for i, p := range people {
				if p.number == r.NHSNumber {
					got = append(got, i)
				}
			}
		}
		if !slices.Equal(got, c.want) || len(found) != len(c.want) {
			t.Errorf("%+v: found %v, expected %v", c.q, got, c.want)
		}
	}
}

// Entries of the audit that belong to no change wait for the next commit, and are
// counted until then.
func recordsWaiting(t *testing.T, th *harness) {
	const added = 3
	for range added {
		th.Record(entry("read"))
	}
	if n := th.RecordsWaiting(); n > added { // some may have found a commit by themselves
		t.Errorf("%d entries wait; %d were added", n, added)
	}
	th.publish()
	if n := th.RecordsWaiting(); n != 0 {
		t.Errorf("%d entries wait after a commit", n)
	}
}

package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store/storetest"
)

// What a directory has learnt stays when it is opened again, older changes do
// not undo it, an import does; a patient who is new is added.
func TestDirectoryLearns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	d := openDirectory(t, path)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	known, unknown := storetest.Numbered(1), storetest.Numbered(2)
	must(d.PutPatients(t.Context(), []directory.Patient{{NHSNumber: known, Family: "OLD", Given: []string{"A"}, Postcode: "LS17 7DF", GP: "B86056", Sensitive: true}}))
	at := func(minute int) directory.Version {
		return directory.Version{LastUpdated: time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC), SCN: 7}
	}
	learn := func(want int, changes ...directory.Change) {
		t.Helper()
		if n, err := d.Learn(t.Context(), changes); err != nil || n != want {
			t.Errorf("%d records changed, %v; expected %d", n, err, want)
		}
	}
	wantGP := func(n nhs.NHSNumber, gp nhs.ODSCode) {
		t.Helper()
		if p, err := d.Patient(t.Context(), n); err != nil || p.GP != gp {
			t.Errorf("the practice is %q, %v; expected %q", p.GP, err, gp)
		}
	}
	learn(2, directory.Change{NHSNumber: known, At: at(5), GP: "E82025"}, directory.Change{NHSNumber: unknown, At: at(5), Family: "NEW", Given: []string{"B"}})
	must(d.SetMark(t.Context(), 42))
	closed(t, d)
	d = openDirectory(t, path)
	defer func() { closed(t, d) }()
	if mark, err := d.Mark(t.Context()); err != nil || mark != 42 {
		t.Errorf("mark %d, %v", mark, err)
	}
	wantGP(known, "E82025")
	learn(0, directory.Change{NHSNumber: known, At: at(4), GP: "A83627"}, directory.Change{NHSNumber: known, At: at(5), GP: "E82025"})
	wantGP(known, "E82025")
	if p, err := d.Patient(t.Context(), known); err != nil || p.Family != "OLD" || p.Postcode != "LS17 7DF" || !p.Sensitive {
		t.Errorf("the rest of the record: family %d letters, %v", len(p.Family), err)
	}
	if p, err := d.Patient(t.Context(), unknown); err != nil || p.Family != "NEW" {
		t.Errorf("the new patient: %v", err)
	}
	learn(1, directory.Change{NHSNumber: known, At: at(6), Left: true})
	wantGP(known, "")
	must(d.PutPatients(t.Context(), []directory.Patient{{NHSNumber: known, GP: "B85612"}}))
	wantGP(known, "B85612")
	learn(1, directory.Change{NHSNumber: known, At: at(3), GP: "A83627"})
	wantGP(known, "A83627")
}

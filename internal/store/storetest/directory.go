package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/database"
	"nems/internal/directory"
	"nems/internal/nhs"
)

// RunDirectory runs the tests that every form of the directory passes: same questions,
// same answers. fixture makes a new directory and returns what opens it, as often as it
// is called; who opens it closes it.
func RunDirectory(t *testing.T, fixture func(t *testing.T) func() database.Directory) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, func() database.Directory){
		"keeps what it is given":   directoryKeeps,
		"a batch is all or none":   directoryBatches,
		"learns":                   directoryLearns,
		"learns whole records":     directoryLearnsWhole,
		"learns about the unknown": directoryLearnsUnknown,
		"says what it has":         directoryHas,
		"others see it soon":       directoryOthers,
		"an ended context":         directoryEnded,
	} {
		t.Run(name, func(t *testing.T) { test(t, fixture(t)) })
	}
}

// must is for what a test needs to go on.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// someone is a patient with everything that a record may have.
func someone(n int) directory.Patient {
	return directory.Patient{NHSNumber: Numbered(n), Family: "O'NEILL \\ \t", Given: []string{"Jack", "Toby \"T\""},
		BirthDate: time.Date(1911, 2, 28, 0, 0, 0, 0, time.UTC), Postcode: "LS17 7DF", GP: "B86056", Sensitive: true}
}

var (
	leedsPlaces   = directory.Places{SubICB: "15F", LocalAuthority: "E08000035", Country: "E92000001"}
	cardiffPlaces = directory.Places{LocalAuthority: "W06000015", Country: "W92000004"}
)

func wantPatient(t *testing.T, d database.Directory, want directory.Patient) {
	t.Helper()
	got, err := d.Patient(t.Context(), want.NHSNumber)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(nhs.NHSNumber{})); diff != "" || err != nil {
		t.Errorf("patient: %v %s", err, diff)
	}
}

func directoryKeeps(t *testing.T, open func() database.Directory) {
	d, ctx := open(), t.Context()
	one, two := Numbered(1), Numbered(2)
	patients := []directory.Patient{
		someone(1),
		{NHSNumber: two, SupersededBy: one, BirthDate: time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC), Given: []string{}},
		{NHSNumber: Numbered(3), Invalid: true, Given: []string{"A"}},
	}
	must(t, d.PutPatients(ctx, patients))
	patients[2].Family = "LATER"
	must(t, d.PutPatients(ctx, patients[2:]))
	again := patients[2]
	again.Family = "LAST"
	must(t, d.PutPatients(ctx, []directory.Patient{patients[2], again}))
	patients[2] = again
	organisations := []directory.Organisation{{Code: "B86056", Name: "Surgery", SubICB: "02V", Practice: true}, {Code: "RR8", Name: "Trust", Closed: true}}
	must(t, d.PutOrganisations(ctx, organisations))
	must(t, d.PutPostcodes(ctx, []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: leedsPlaces}, {Postcode: "CF10 1AA", Places: cardiffPlaces}, {Postcode: "LS17 7DG", Places: leedsPlaces}}))
	// A superseded number answers with the record that supersedes it.
	patients[1] = patients[0]
	patients[1].NHSNumber, patients[1].SupersededBy = two, one
	for range 2 { // also when it is opened again
		for range 2 { // and when it was asked before
			for _, want := range patients {
				wantPatient(t, d, want)
			}
			for _, want := range organisations {
				if got, err := d.Organisation(ctx, want.Code); got != want || err != nil {
					t.Errorf("expected %+v, got %+v, %v", want, got, err)
				}
			}
			for postcode, want := range map[string]directory.Places{"LS17 7DF": leedsPlaces, "ls177dg": leedsPlaces, "CF101AA": cardiffPlaces} {
				if got, err := d.Places(ctx, postcode); got != want || err != nil {
					t.Errorf("%s: %+v, %v", postcode, got, err)
				}
			}
			wantNothing(t, d)
		}
		must(t, d.Close())
		d = open()
	}
	must(t, d.Close())
}

// wantNothing asks for what is in no directory of these tests.
func wantNothing(t *testing.T, d database.Directory) {
	t.Helper()
	_, err := d.Patient(t.Context(), Numbered(77))
	_, err2 := d.Organisation(t.Context(), "NONE")
	_, err3 := d.Places(t.Context(), "ZZ1 1ZZ")
	_, err4 := d.Places(t.Context(), "%")
	for _, err := range []error{err, err2, err3, err4} {
		if !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("expected ErrNotFound, got %v", err)
		}
	}
}

func directoryBatches(t *testing.T, open func() database.Directory) {
	d := open()
	defer d.Close()
	if err := d.PutPostcodes(t.Context(), []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: leedsPlaces}, {Postcode: "?", Places: leedsPlaces}}); err == nil {
		t.Error("a bad postcode was taken")
	}
	if _, err := d.Places(t.Context(), "LS17 7DF"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("half a batch: %v", err)
	}
	must(t, d.PutPostcodes(t.Context(), []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: leedsPlaces}}))
	if got, err := d.Places(t.Context(), "LS17 7DF"); got != leedsPlaces || err != nil {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

// directoryAt is a version of a record.
func directoryAt(minute int) directory.Version {
	return directory.Version{LastUpdated: time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC), SCN: 7}
}

func learn(t *testing.T, d database.Directory, want int, changes ...directory.Change) {
	t.Helper()
	if n, err := d.Learn(t.Context(), changes); err != nil || n != want {
		t.Errorf("%d records changed, %v; expected %d", n, err, want)
	}
}

// What a directory has learnt stays when it is opened again, older changes do not undo
// it, an import does.
func directoryLearns(t *testing.T, open func() database.Directory) {
	d := open()
	p := someone(1)
	must(t, d.PutPatients(t.Context(), []directory.Patient{p}))
	wantPatient(t, d, p)
	learn(t, d, 1, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(5), GP: "E82025"})
	p.GP = "E82025"
	wantPatient(t, d, p)
	must(t, d.SetMark(t.Context(), 42))
	must(t, d.Close())
	d = open()
	defer func() { must(t, d.Close()) }()
	if mark, err := d.Mark(t.Context()); err != nil || mark != 42 {
		t.Errorf("mark %d, %v", mark, err)
	}
	wantPatient(t, d, p)
	learn(t, d, 0, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(4), GP: "A83627"}, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(5), GP: "E82025"})
	wantPatient(t, d, p)
	learn(t, d, 1, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(3), Family: "NEW", Given: []string{"B"}, BirthDate: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Postcode: "CF10 1AA"})
	p.Family, p.Given, p.BirthDate, p.Postcode = "NEW", []string{"B"}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), "CF10 1AA"
	wantPatient(t, d, p)
	learn(t, d, 2, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(6), GP: "A83627"}, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(7), Left: true})
	p.GP = ""
	wantPatient(t, d, p)
	p = someone(1)
	must(t, d.PutPatients(t.Context(), []directory.Patient{p}))
	wantPatient(t, d, p)
	learn(t, d, 1, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(3), GP: "A83627"})
	p.GP = "A83627"
	wantPatient(t, d, p)
}

// A whole record replaces everything, flags and the number that superseded it too; what
// single events say later is laid over it.
func directoryLearnsWhole(t *testing.T, open func() database.Directory) {
	d := open()
	defer d.Close()
	one, other := someone(1), someone(2)
	must(t, d.PutPatients(t.Context(), []directory.Patient{one, other}))
	whole := directory.Change{NHSNumber: one.NHSNumber, At: directoryAt(5), Whole: true, Family: "WHOLE", Given: []string{"W"}, Invalid: true}
	learn(t, d, 1, whole)
	want := directory.Patient{NHSNumber: one.NHSNumber, Family: "WHOLE", Given: []string{"W"}, Invalid: true}
	wantPatient(t, d, want)
	learn(t, d, 1, directory.Change{NHSNumber: one.NHSNumber, At: directoryAt(6), GP: "E82025"})
	want.GP = "E82025"
	wantPatient(t, d, want)
	learn(t, d, 0, whole)
	learn(t, d, 1, directory.Change{NHSNumber: one.NHSNumber, At: directoryAt(9), Whole: true, SupersededBy: other.NHSNumber})
	want = other
	want.NHSNumber, want.SupersededBy = one.NHSNumber, other.NHSNumber
	wantPatient(t, d, want)
	learn(t, d, 0, directory.Change{NHSNumber: one.NHSNumber, At: directoryAt(10), GP: "A83627"}) // it leads where it led
	wantPatient(t, d, want)
}

// A patient whom an event names first is added, also after it was asked for in vain.
func directoryLearnsUnknown(t *testing.T, open func() database.Directory) {
	d := open()
	defer d.Close()
	n := Numbered(5)
	if _, err := d.Patient(t.Context(), n); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("at first: %v", err)
	}
	learn(t, d, 1, directory.Change{NHSNumber: n, At: directoryAt(1), Family: "NEW", Given: []string{"B"}})
	wantPatient(t, d, directory.Patient{NHSNumber: n, Family: "NEW", Given: []string{"B"}})
	got, err := d.Patient(t.Context(), n)
	must(t, err)
	got.Given[0] = "spoilt by who received it"
	wantPatient(t, d, directory.Patient{NHSNumber: n, Family: "NEW", Given: []string{"B"}})
}

func directoryHas(t *testing.T, open func() database.Directory) {
	d := open()
	defer d.Close()
	want := func(want directory.Contents) {
		t.Helper()
		if got, err := d.Has(t.Context()); got != want || err != nil {
			t.Errorf("it has %+v, %v; expected %+v", got, err, want)
		}
	}
	want(directory.Contents{})
	learn(t, d, 1, directory.Change{NHSNumber: Numbered(1), At: directoryAt(1), GP: "B86056"})
	want(directory.Contents{Patients: true})
	must(t, d.PutOrganisations(t.Context(), []directory.Organisation{{Code: "RR8"}}))
	must(t, d.PutPostcodes(t.Context(), []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: leedsPlaces}}))
	want(directory.Contents{Patients: true, Organisations: true, Postcodes: true})
}

// What one has looked up, found or not, it forgets soon after another has changed it.
func directoryOthers(t *testing.T, open func() database.Directory) {
	one, other, ctx := open(), open(), t.Context()
	defer one.Close()
	defer other.Close()
	p := someone(1)
	must(t, other.PutPatients(ctx, []directory.Patient{p}))
	reads := func() []string {
		known, err := one.Patient(ctx, p.NHSNumber)
		unknown, err2 := one.Patient(ctx, Numbered(2))
		practice, err3 := one.Organisation(ctx, "B86056")
		places, err4 := one.Places(ctx, "LS17 7DF")
		for _, err := range []error{err, err2, err3, err4} {
			if err != nil && !errors.Is(err, directory.ErrNotFound) {
				t.Fatal(err)
			}
		}
		return []string{string(known.GP), unknown.Family, practice.Name, places.Country}
	}
	eventually := func(want ...string) {
		t.Helper()
		within, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		got := reads()
		for ; !slices.Equal(got, want); got = reads() {
			if within.Err() != nil {
				t.Fatalf("expected %q soon; received %q", want, got)
			}
		}
	}
	eventually("B86056", "", "", "")
	learn(t, other, 2, directory.Change{NHSNumber: p.NHSNumber, At: directoryAt(1), GP: "E82025"},
		directory.Change{NHSNumber: Numbered(2), At: directoryAt(1), Family: "NEW", Given: []string{"B"}})
	must(t, other.PutOrganisations(ctx, []directory.Organisation{{Code: "B86056", Name: "Surgery"}}))
	must(t, other.PutPostcodes(ctx, []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: leedsPlaces}}))
	eventually("E82025", "NEW", "Surgery", "E92000001")
	must(t, other.PutPatients(ctx, []directory.Patient{p}))
	eventually("B86056", "NEW", "Surgery", "E92000001")
}

func directoryEnded(t *testing.T, open func() database.Directory) {
	d := open()
	defer d.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.PutPatients(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Follow(ended) }()
	if err := <-done; err != nil {
		t.Errorf("following until the end: %v", err)
	}
}

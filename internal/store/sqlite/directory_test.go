package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store/sqlite"
	"nems/internal/store/storetest"
)

var (
	_ directory.Patients      = (*sqlite.Directory)(nil)
	_ directory.Organisations = (*sqlite.Directory)(nil)
	_ directory.Postcodes     = (*sqlite.Directory)(nil)
	_ directory.Sink          = (*sqlite.Directory)(nil)
)

func openDirectory(t *testing.T, path string) *sqlite.Directory {
	t.Helper()
	d, err := sqlite.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func closed(t *testing.T, d *sqlite.Directory) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryKeepsWhatItIsGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	d := openDirectory(t, path)
	ctx := t.Context()
	one, two, three := storetest.Numbered(1), storetest.Numbered(2), storetest.Numbered(3)
	patients := []directory.Patient{
		{NHSNumber: one, Family: "DAWKINS", Given: []string{"Jack", "Toby"}, BirthDate: time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC), Postcode: "LS17 7DF", GP: "B86056"},
		{NHSNumber: two, SupersededBy: one, BirthDate: time.Date(1911, 2, 28, 0, 0, 0, 0, time.UTC), Sensitive: true},
		{NHSNumber: three, Invalid: true},
	}
	if err := d.PutPatients(ctx, patients); err != nil {
		t.Fatal(err)
	}
	patients[2].Family = "LATER"
	if err := d.PutPatients(ctx, patients[2:]); err != nil {
		t.Fatal(err)
	}
	organisations := []directory.Organisation{{Code: "B86056", Name: "Surgery", SubICB: "02V", Practice: true}, {Code: "RR8", Name: "Trust", Closed: true}}
	if err := d.PutOrganisations(ctx, organisations); err != nil {
		t.Fatal(err)
	}
	leeds := directory.Places{SubICB: "15F", LocalAuthority: "E08000035", Country: "E92000001"}
	cardiff := directory.Places{LocalAuthority: "W06000015", Country: "W92000004"}
	if err := d.PutPostcodes(ctx, []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: leeds}, {Postcode: "CF10 1AA", Places: cardiff}, {Postcode: "LS17 7DG", Places: leeds}}); err != nil {
		t.Fatal(err)
	}
	// A superseded number answers with the record that supersedes it.
	patients[1] = patients[0]
	patients[1].NHSNumber, patients[1].SupersededBy = two, one
	for range 2 { // also when it is opened again
		for _, want := range patients {
			got, err := d.Patient(ctx, want.NHSNumber)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(nhs.NHSNumber{})); diff != "" || err != nil {
				t.Errorf("patient: %v %s", err, diff)
			}
		}
		for _, want := range organisations {
			if got, err := d.Organisation(ctx, want.Code); got != want || err != nil {
				t.Errorf("expected %+v, got %+v, %v", want, got, err)
			}
		}
		for postcode, want := range map[string]directory.Places{"LS17 7DF": leeds, "ls177dg": leeds, "CF101AA": cardiff} {
			if got, err := d.Places(ctx, postcode); got != want || err != nil {
				t.Errorf("%s: %+v, %v", postcode, got, err)
			}
		}
		closed(t, d)
		d = openDirectory(t, path)
	}
	defer closed(t, d)
	_, err := d.Patient(ctx, storetest.Numbered(77))
	_, err2 := d.Organisation(ctx, "NONE")
	_, err3 := d.Places(ctx, "ZZ1 1ZZ")
	_, err4 := d.Places(ctx, "%")
	for _, err := range []error{err, err2, err3, err4} {
		if !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("expected ErrNotFound, got %v", err)
		}
	}
}

func TestDirectoryBatchIsAllOrNothing(t *testing.T) {
	d := openDirectory(t, filepath.Join(t.TempDir(), "directory.db"))
	defer closed(t, d)
	places := directory.Places{SubICB: "15F", LocalAuthority: "E08000035", Country: "E92000001"}
	err := d.PutPostcodes(t.Context(), []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: places}, {Postcode: "?", Places: places}})
	if err == nil {
		t.Error("a bad postcode was taken")
	}
	if _, err := d.Places(t.Context(), "LS17 7DF"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("half a batch: %v", err)
	}
	if err := d.PutPostcodes(t.Context(), []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: places}}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Places(t.Context(), "LS17 7DF"); got != places || err != nil {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.PutPatients(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
}

// What was looked up is remembered until something is written: at once in this
// process, soon after an import by another.
func TestDirectoryForgetsWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	service, importer := openDirectory(t, path), openDirectory(t, path)
	defer closed(t, service)
	defer closed(t, importer)
	put := func(d *sqlite.Directory, area string) {
		t.Helper()
		err := errors.Join(
			d.PutPostcodes(t.Context(), []directory.PostcodePlaces{{Postcode: "LS17 7DF", Places: directory.Places{SubICB: area}}}),
			d.PutOrganisations(t.Context(), []directory.Organisation{{Code: "B86056", SubICB: nhs.ODSCode(area)}}))
		if err != nil {
			t.Fatal(err)
		}
	}
	areas := func() (string, nhs.ODSCode) {
		t.Helper()
		places, err := service.Places(t.Context(), "LS17 7DF")
		practice, err2 := service.Organisation(t.Context(), "B86056")
		if err = errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return places.SubICB, practice.SubICB
	}
	for n := range 20 {
		want := fmt.Sprintf("1%dA", n)
		put(service, want)
		for range 2 {
			if places, practice := areas(); places != want || string(practice) != want {
				t.Fatalf("expected %s at once; received %s, %s", want, places, practice)
			}
		}
	}
	put(importer, "99Z")
	within, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for places, practice := areas(); places != "99Z" || practice != "99Z"; places, practice = areas() {
		if within.Err() != nil {
			t.Fatalf("another process wrote 99Z; received %s, %s", places, practice)
		}
	}
}

// An import runs beside a service that has the directory open: both write, and
// each sees what the other has committed.
func TestDirectoryOpenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	service, err := sqlite.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	importer, err := sqlite.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer importer.Close()
	put := func(d *sqlite.Directory, prefix string) error {
		for i := range 100 {
			err := d.PutPostcodes(t.Context(), []directory.PostcodePlaces{{
				Postcode: fmt.Sprintf("%s%d 1AA", prefix, i), Places: directory.Places{LocalAuthority: fmt.Sprintf("%s%08d", prefix[:1], i%7), Country: "E92000001"},
			}})
			if err != nil {
				return err
			}
		}
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- put(importer, "AB") }()
	if err := errors.Join(put(service, "CD"), <-done); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*sqlite.Directory{service, importer} {
		for i := range 100 {
			for _, prefix := range []string{"AB", "CD"} {
				places, err := d.Places(t.Context(), fmt.Sprintf("%s%d1AA", prefix, i))
				if want := fmt.Sprintf("%s%08d", prefix[:1], i%7); err != nil || places.LocalAuthority != want {
					t.Fatalf("%s%d: %+v, %v; want %s", prefix, i, places, err, want)
				}
			}
		}
	}
}

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"nems/internal/database"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store/sqlite"
	"nems/internal/store/storetest"
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

func TestDirectorySuite(t *testing.T) {
	storetest.RunDirectory(t, func(t *testing.T) func() database.Directory {
		path := filepath.Join(t.TempDir(), "directory.db")
		return func() database.Directory { return openDirectory(t, path) }
	})
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

package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"nems/internal/crashpoint"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// reading opens an import and reads a file into it.
func reading(t *testing.T, dsn string, kind directory.Kind, file string, whole bool) *postgres.Import {
	t.Helper()
	i, err := postgres.OpenImport(t.Context(), dsn, kind, whole)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := directory.Import(t.Context(), kind, strings.NewReader(file), i, nil); err != nil || s.Bad > 0 {
		t.Fatal(err, s.Bad)
	}
	return i
}

// finished finishes it, and returns how many rows were there from before.
func finished(t *testing.T, i *postgres.Import) (resumed int) {
	t.Helper()
	if err := errors.Join(i.Finish(t.Context(), func(string) {}), i.Close()); err != nil {
		t.Fatal(err)
	}
	return i.Resumed()
}

// postcodes is a file of so many postcodes of an area.
func postcodes(area string, from, to int) string {
	var b strings.Builder
	b.WriteString("postcode,local_authority,country\n")
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, "AB%02d %dXY,%s,E92000001\n", n/10%100, n%10, area)
	}
	return b.String()
}

const (
	leedsArea  = "E08000035"
	exeterArea = "E07000041"
)

// wantAreas compares the local authorities of postcodes, "" for one that there is not.
func wantAreas(t *testing.T, dsn, want string, asked ...int) {
	t.Helper()
	d := openShared(t, dsn, 100)
	defer d.Close()
	var got []string
	for _, n := range asked {
		places, err := d.Places(t.Context(), fmt.Sprintf("AB%02d %dXY", n/10, n%10))
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			t.Fatal(err)
		}
		got = append(got, map[string]string{leedsArea: "leeds", exeterArea: "exeter", "": "-"}[places.LocalAuthority])
	}
	if got := strings.Join(got, " "); got != want {
		t.Errorf("areas: %s; expected %s", got, want)
	}
}

// Nobody sees a file before it is finished. Then a small one is laid over what there is, a
// large one too, a whole one replaces it; later rows of a file count, and no table stays
// behind.
func TestImportReplacesAtOnce(t *testing.T) {
	dsn := emptyDatabase(t)
	first := reading(t, dsn, directory.KindPostcodes, postcodes(leedsArea, 0, 100), false)
	wantAreas(t, dsn, "- -", 0, 99)
	finished(t, first)
	wantAreas(t, dsn, "leeds leeds", 0, 99)
	finished(t, reading(t, dsn, directory.KindPostcodes, postcodes(exeterArea, 0, 2), false)) // small
	wantAreas(t, dsn, "exeter exeter leeds leeds -", 0, 1, 2, 99, 100)
	finished(t, reading(t, dsn, directory.KindPostcodes, postcodes(exeterArea, 50, 120)+"AB05 9XY,"+leedsArea+",\n", false)) // large
	wantAreas(t, dsn, "exeter leeds exeter exeter", 0, 2, 50, 119)
	wantAreas(t, dsn, "leeds", 59)
	finished(t, reading(t, dsn, directory.KindPostcodes, postcodes(exeterArea, 0, 2), true))
	wantAreas(t, dsn, "exeter exeter - -", 0, 1, 2, 99)
	const tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^directory_postcodes'"
	if n := pgtest.SQL(t, dsn, tables); n != "1" {
		t.Errorf("%s tables of postcodes are left", n)
	}
	d := openShared(t, dsn, 10)
	defer d.Close()
	for _, area := range []nhs.ODSCode{leedsArea, exeterArea} {
		if _, err := d.Organisation(t.Context(), area); err != nil {
			t.Errorf("the area %s: %v", area, err)
		}
	}
	empty := reading(t, dsn, directory.KindPostcodes, "postcode\n", true)
	defer empty.Close()
	if err := empty.Finish(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "no rows") {
		t.Errorf("a whole file without rows: %v", err)
	}
	wantAreas(t, dsn, "exeter", 0)
}

// A whole file of organisations leaves the areas that files of postcodes have named.
func TestImportOfOrganisationsLeavesAreas(t *testing.T) {
	dsn := emptyDatabase(t)
	finished(t, reading(t, dsn, directory.KindPostcodes, postcodes(leedsArea, 0, 2), false))
	finished(t, reading(t, dsn, directory.KindOrganisations, "code,name,sub_icb\nB86056,SURGERY,15F\nB86057,OTHER,15F\n", false))
	finished(t, reading(t, dsn, directory.KindOrganisations, "code,name,sub_icb\nB86057,OTHER,15N\n", true))
	d := openShared(t, dsn, 10)
	defer d.Close()
	for code, there := range map[nhs.ODSCode]bool{leedsArea: true, "15N": true, "B86057": true, "B86056": false} {
		if _, err := d.Organisation(t.Context(), code); errors.Is(err, directory.ErrNotFound) == there {
			t.Errorf("%s: %v; expected to be there: %v", code, err, there)
		}
	}
}

// manyPostcodes is a file of several chunks.
func manyPostcodes(n int, area string) string {
	var b strings.Builder
	b.WriteString("postcode,local_authority\n")
	for i := range n {
		fmt.Fprintf(&b, "%c%c%d %d%c%c,%s\n", 'A'+i%26, 'A'+i/26%26, i/676%10, i/6760%10, 'A'+i/67600%26, 'A', area)
	}
	return b.String()
}

// What an import has copied before it died is kept for the same file, and thrown away
// for another one. Until it is finished the old directory is whole.
func TestImportGoesOn(t *testing.T) {
	dsn := emptyDatabase(t)
	finished(t, reading(t, dsn, directory.KindPostcodes, postcodes(leedsArea, 0, 2), false))
	file := manyPostcodes(50_000, leedsArea)
	die := func(file string) {
		t.Helper()
		if err := reading(t, dsn, directory.KindPostcodes, file, false).Close(); err != nil {
			t.Fatal(err)
		}
		wantAreas(t, dsn, "leeds leeds", 0, 1)
	}
	die(file)
	other := file[:len(file)-len("XX1 1XX,E08000035\n")*20_000] + manyPostcodes(20_000, exeterArea)[len("postcode,local_authority\n"):]
	for name, c := range map[string]struct {
		file string
		want int
	}{"the same": {file, 40_000}, "another end": {other, 20_000}, "shorter": {manyPostcodes(20_000, leedsArea), 20_000}, "another": {manyPostcodes(50_000, exeterArea), 0}} {
		t.Run(name, func(t *testing.T) {
			copied := pgtest.Shared(t).Clone(t, dsn)
			if got := finished(t, reading(t, copied, directory.KindPostcodes, c.file, true)); got != c.want {
				t.Errorf("%d rows were kept; expected %d", got, c.want)
			}
			rows := strings.Count(c.file, "\n") - 1
			unique := min(rows, 50_000)
			if name == "another end" {
				unique = rows - 20_000
			}
			table := pgtest.SQL(t, copied, "SELECT 'directory_postcodes_' || generation FROM directory_part WHERE part = 'postcodes'")
			if got := pgtest.SQL(t, copied, "SELECT count(*) FROM "+table); got != fmt.Sprint(unique) {
				t.Errorf("%s rows; expected %d", got, unique)
			}
		})
	}
}

// Two imports at once would spoil each other: the second is refused and says who is at it.
func TestOneImportAtATime(t *testing.T) {
	dsn := emptyDatabase(t)
	first := reading(t, dsn, directory.KindPostcodes, postcodes(leedsArea, 0, 2), false)
	_, err := postgres.OpenImport(t.Context(), dsn, directory.KindPatients, false)
	if !errors.Is(err, directory.ErrImporting) || !strings.Contains(err.Error(), "postcodes, by process") {
		t.Errorf("the second: %v", err)
	}
	finished(t, first)
	wantAreas(t, dsn, "leeds", 0)
	second := reading(t, dsn, directory.KindPostcodes, postcodes(exeterArea, 0, 2), false)
	if err := errors.Join(second.Discard(t.Context()), second.Close()); err != nil {
		t.Error(err)
	}
	wantAreas(t, dsn, "leeds", 0)
	if n := pgtest.SQL(t, dsn, "SELECT count(*) FROM directory_import"); n != "0" {
		t.Errorf("%s imports are left", n)
	}
}

// What events taught before an import began gives way to the file; what they have taught
// since stays, though the import ends later.
func TestImportLeavesNewerChanges(t *testing.T) {
	dsn := emptyDatabase(t)
	d := openShared(t, dsn, 100)
	defer d.Close()
	one, two := storetest.Numbered(1), storetest.Numbered(2)
	learnt := func(n nhs.NHSNumber, gp nhs.ODSCode) {
		t.Helper()
		at := directory.Version{LastUpdated: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		if _, err := d.Learn(t.Context(), []directory.Change{{NHSNumber: n, At: at, GP: gp}}); err != nil {
			t.Fatal(err)
		}
	}
	learnt(one, "E82025")
	file := fmt.Sprintf("nhs_number,family,gp\n%s,A,B86056\n%s,B,B86056\n", one.Digits(), two.Digits())
	i := reading(t, dsn, directory.KindPatients, file, false)
	learnt(two, "E82025")
	finished(t, i)
	again := openShared(t, dsn, 100)
	defer again.Close()
	for n, want := range map[nhs.NHSNumber]nhs.ODSCode{one: "B86056", two: "E82025"} {
		if p, err := again.Patient(t.Context(), n); err != nil || p.GP != want || p.Family == "" {
			t.Errorf("practice %s, %v; expected %s, and the family name of the file", p.GP, err, want)
		}
	}
}

// importInto is the database into which TestImportIsKilled lets a process import.
const importInto = "NEMS_TEST_IMPORT_INTO"

// A process that is killed when all rows are in the database, but do not count yet, leaves
// the old directory whole. The next import goes on, at once: the lock died with the process.
func TestImportIsKilled(t *testing.T) {
	file := manyPostcodes(25_000, exeterArea)
	if dsn := os.Getenv(importInto); dsn != "" {
		finished(t, reading(t, dsn, directory.KindPostcodes, file, true))
		return
	}
	dsn := emptyDatabase(t)
	finished(t, reading(t, dsn, directory.KindPostcodes, postcodes(leedsArea, 0, 2), false))
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestImportIsKilled$") //nolint:gosec // this test itself
	process.Env = append(os.Environ(), importInto+"="+dsn, crashpoint.Variable+"="+crashpoint.Import)
	said, err := process.CombinedOutput()
	var died *exec.ExitError
	if !errors.As(err, &died) || died.Success() || strings.Contains(string(said), "FAIL") {
		t.Fatalf("the process was not killed: %v %s", err, said)
	}
	wantAreas(t, dsn, "leeds leeds", 0, 1)
	next, err := postgres.OpenImport(t.Context(), dsn, directory.KindPostcodes, true)
	for within := time.Now().Add(30 * time.Second); errors.Is(err, directory.ErrImporting) && time.Now().Before(within); { // until the server has noticed
		next, err = postgres.OpenImport(t.Context(), dsn, directory.KindPostcodes, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := directory.Import(t.Context(), directory.KindPostcodes, strings.NewReader(file), next, nil); err != nil {
		t.Fatal(err)
	}
	if kept := finished(t, next); kept != 25_000 {
		t.Errorf("%d rows were kept", kept)
	}
	wantAreas(t, dsn, "- -", 0, 1)
}

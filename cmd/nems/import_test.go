package main

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"nems/internal/datafolder"
	"nems/internal/directory"
)

const (
	threePostcodes = "postcode,country\nLS17 7DF,E92000001\nSECRET,\nWF14 0BQ,E92000001\n"
	goodPostcodes  = "postcode,country\nLS17 7DF,E92000001\nWF14 0BQ,E92000001\n"
)

// imported reports whether the directory of a data folder has the correct
// postcodes of threePostcodes.
func imported(t *testing.T, data string) bool {
	t.Helper()
	d, err := datafolder.OpenDirectory(data)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, first := d.Places(t.Context(), "LS17 7DF")
	_, second := d.Places(t.Context(), "WF14 0BQ")
	if errors.Is(first, directory.ErrNotFound) != errors.Is(second, directory.ErrNotFound) {
		t.Errorf("half of a file was imported: %v, %v", first, second)
	}
	return first == nil
}

func TestImportLeavesWrongLinesOut(t *testing.T) {
	data, csv := t.TempDir(), file(t, "p.csv", threePostcodes)
	does(t, "2 postcodes imported, 1 lines left out", "import", "postcodes", csv, "--data", data)
	if !imported(t, data) {
		t.Error("the lines that are right were not imported")
	}
}

func TestImportStrict(t *testing.T) {
	data, csv := t.TempDir(), file(t, "p.csv", threePostcodes)
	fails(t, "import", "postcodes", csv, "--strict", "--data", data)
	if imported(t, data) {
		t.Error("a file with a wrong line was imported")
	}
	does(t, "2 postcodes imported, 0 lines left out", "import", "postcodes", file(t, "good.csv", goodPostcodes), "--strict", "--data", data)
	if !imported(t, data) {
		t.Error("a file without a wrong line was not imported")
	}
}

// TestImportStrictOfAPipe imports from a pipe, which cannot be read twice.
func TestImportStrictOfAPipe(t *testing.T) {
	for text, code := range map[string]int{threePostcodes: 1, goodPostcodes: 0} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		before := os.Stdin
		os.Stdin = r
		data := t.TempDir()
		said, got := printed(t, "import", "postcodes", "-", "--strict", "--data", data)
		os.Stdin = before
		if got != code || !strings.Contains(said, "2 postcodes imported") || !imported(t, data) {
			t.Errorf("exit code %d, expected %d: %s", got, code, said)
		}
	}
}

func TestImportReportsJSON(t *testing.T) {
	csv := file(t, "p.csv", threePostcodes)
	text, code := printed(t, "import", "postcodes", csv, "--format", "json", "--strict", "--data", t.TempDir())
	var got importReport
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err, text)
	}
	want := importReport{File: csv, Kind: "postcodes", Wrong: 1, Columns: map[string]int{"postcode": 1, "country": 2},
		Problems: []directory.Problem{{Line: 3, Column: "postcode", Expected: "a postcode"}}}
	if !reflect.DeepEqual(got, want) || code != 1 || strings.Contains(text, "SECRET") {
		t.Errorf("exit code %d, %+v", code, got)
	}
	text, code = printed(t, "import", "organisations", csv, "--format", "json", "--data", t.TempDir())
	if code != 1 || !strings.Contains(text, `"error":"directory: no header`) || !strings.Contains(text, `"problems":[]`) {
		t.Errorf("exit code %d, %s", code, text)
	}
}

func TestImportORD(t *testing.T) {
	data := t.TempDir()
	answer := `{"Organisation":{"Name":"SURGERY","OrgId":{"extension":"B86056"},"Status":"Active","Roles":{"Role":[{"id":"RO76","Status":"Active"}]},
		"Rels":{"Rel":[{"id":"RE4","Status":"Active","Target":{"OrgId":{"extension":"15F"},"PrimaryRoleId":{"id":"RO98"}}}]}}}`
	does(t, "1 organisations imported", "import", "organisations", file(t, "B86056.json", answer), "--data", data)
	d, err := datafolder.OpenDirectory(data)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, want := range []directory.Organisation{{Code: "B86056", Name: "SURGERY", SubICB: "15F", Practice: true}, {Code: "15F"}} {
		if got, err := d.Organisation(t.Context(), want.Code); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

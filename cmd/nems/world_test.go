package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorlds(t *testing.T) {
	made := does(t, "# 30 invented people", "world", "--patients", "30", "--seed", "7", "--day", "2026-03-02")
	folder := t.TempDir()
	path := filepath.Join(folder, "world.yaml")
	if err := os.WriteFile(path, []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := does(t, "", "world", "--read", path); again != made {
		t.Error("a world that is read and written differs")
	}
	if strings.TrimSpace(does(t, "", "world", "--patients", "30", "--seed", "7", "--day", "2026-03-02", "--save", folder)) != path {
		t.Error("it was not saved there")
	}
	if saved, err := os.ReadFile(path); err != nil || string(saved) != made {
		t.Errorf("saved: %v", err)
	}
	does(t, `"nhs-number":"999`, "world", "--read", path, "--format", "json")
	if records := does(t, `{"patient":"999`, "world", "--read", path, "--format", "records"); strings.Count(records, "\n") != 30 {
		t.Errorf("records:\n%s", records)
	}
	does(t, "world.json", "world", "--read", path, "--format", "json", "--save", folder)
	if again := does(t, "", "world", "--read", filepath.Join(folder, "world.json")); again != made {
		t.Error("a world that was JSON differs")
	}
	does(t, "postcodes.csv", "world", "--read", path, "--format", "csv", "--save", folder)
	data := filepath.Join(folder, "data")
	for _, kind := range []string{"organisations", "postcodes", "patients"} {
		does(t, "0 lines left out", "import", kind, filepath.Join(folder, kind+".csv"), "--strict", "--data", data)
	}
	does(t, "30 patients imported", "import", "patients", filepath.Join(folder, "patients.csv"), "--data", data)

	mistyped := file(t, "w.yaml", "sead: 7\n")
	for want, c := range map[string]worldCmd{
		"expected 1 to 800000":                    {Patients: 0},
		"expected a date":                         {Patients: 1, Day: "2026-02-30"},
		"name their folder":                       {Patients: 1, Format: "csv"},
		mistyped + `:1:1: there is no key "sead"`: {Read: mistyped},
		"did you mean seed?":                      {Read: mistyped},
		"no such file":                            {Read: filepath.Join(folder, "nothing.yaml")},
	} {
		if err := c.Run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoldersStandForTheirFiles(t *testing.T) {
	folder := t.TempDir()
	if _, err := expand([]string{folder}); err == nil {
		t.Error("a folder without messages: expected an error; received none")
	}
	inside := filepath.Join(folder, "a.XML")
	for _, name := range []string{inside, filepath.Join(folder, "b.txt")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := expand([]string{"-", folder})
	if err != nil || len(files) != 2 || files[0] != "-" || files[1] != inside {
		t.Errorf("expected - and a.XML; received %q, %v", files, err)
	}
}

func TestExamplesHaveBirthDatesThatExist(t *testing.T) {
	for date, want := range map[string]bool{"": true, "2001-02-03": true, "2001-13-03": false, "2001-02-30": false, "3.2.2001": false} {
		if _, err := (&exampleCmd{BirthDate: date}).patient(t.Context()); (err == nil) != want {
			t.Errorf("birth date %q: expected accepted %t; received %v", date, want, err)
		}
	}
}

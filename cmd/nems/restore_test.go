package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// TestDamagedBackupLeavesNothing checks that a restore from a damaged backup
// leaves nothing that could be taken for a database, or that prevents a later
// restore.
func TestDamagedBackupLeavesNothing(t *testing.T) {
	s := nodetest.Boot(t)
	good, bad, data := t.TempDir(), t.TempDir(), t.TempDir()
	does(t, "backed up", "backup", good, "--data", s.Config.Data)
	if err := os.CopyFS(bad, os.DirFS(good)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(bad, "nems.db"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	const page = 8192
	for n := int64(3); n < 8; n++ { // after the schema
		if _, err := f.WriteAt([]byte(strings.Repeat("noise", 100)), n*page); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	fails(t, "restore", bad, "--data", data)
	if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	does(t, "whole", "restore", good, "--data", data)
}

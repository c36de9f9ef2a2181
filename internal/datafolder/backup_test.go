package datafolder_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nems/internal/datafolder"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store/sqlite"
)

// TestBackupsUnderLoad takes backups while publishers publish. Each restores to
// a whole database with every event that was acknowledged before it began.
func TestBackupsUnderLoad(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	message := nodetest.Message(t, "vaccinations-1", "new", "9912003888")
	var mu sync.Mutex
	acknowledged, stop := 0, false
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return acknowledged
	}
	var publishers sync.WaitGroup
	for range 4 {
		publishers.Go(func() {
			for {
				_, err := s.Publisher().Publish(t.Context(), message)
				mu.Lock()
				if err != nil {
					t.Errorf("publish: %v", err)
				}
				acknowledged++
				done := stop || err != nil
				mu.Unlock()
				if done {
					return
				}
			}
		})
	}
	ignore := func(string, int, int) {}
	for round := range 10 {
		before := count()
		to, data := filepath.Join(t.TempDir(), fmt.Sprint(round)), t.TempDir()
		if err := datafolder.Backup(t.Context(), s.Config.Data, "", to, ignore); err != nil {
			t.Fatal(err)
		}
		if err := datafolder.Backup(t.Context(), s.Config.Data, "", to, ignore); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a backup: %v", err)
		}
		if err := datafolder.Restore(t.Context(), to, data, ignore); err != nil {
			t.Fatal(err)
		}
		if err := datafolder.Restore(t.Context(), to, data, ignore); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a data folder: %v", err)
		}
		health, err := datafolder.Check(t.Context(), data, "", ignore)
		if err != nil || len(health.Damage)+len(health.Damaged) != 0 || health.Events < before {
			t.Errorf("round %d: %+v of %d events, %v", round, health, before, err)
		}
	}
	mu.Lock()
	stop = true
	mu.Unlock()
	publishers.Wait()
	restored := t.TempDir()
	to := filepath.Join(t.TempDir(), "last")
	if err := errors.Join(datafolder.Backup(t.Context(), s.Config.Data, "", to, ignore), datafolder.Restore(t.Context(), to, restored, ignore)); err != nil {
		t.Fatal(err)
	}
	again := nodetest.Boot(t, func(c *node.Config) { c.Data = restored })
	again.Publish(again.Publisher(), message)
	again.Stop()
	if h, err := sqlite.Check(t.Context(), filepath.Join(restored, "nems.db"), nil); err != nil || h.Events != count()+1 {
		t.Errorf("a service on the restored folder: %+v, expected %d events, %v", h, count()+1, err)
	}
}

// TestBackupLeavesNothingHalfDone checks that a failed copy leaves the folder as it
// was. A complete one leaves two files, and can be restored from a folder that
// cannot be written to.
func TestBackupLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", "9912003888"))
	data, good, bad := s.Config.Data, t.TempDir(), t.TempDir()
	ignore := func(string, int, int) {}
	if err := datafolder.Backup(t.Context(), data, "", good, ignore); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nems.db", "directory.db"} {
		path := filepath.Join(good, name)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		// 18 and 19 are the versions that the file format requires of readers and
		// writers; 2 would require a log next to it (SQLite, "Database File
		// Format").
		if header, err := os.ReadFile(path); err != nil || header[18] != 1 || header[19] != 1 {
			t.Errorf("%s: it needs a log, %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(good, "nems.db"), bytes.Repeat([]byte("noise"), 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := datafolder.Restore(t.Context(), good, bad, ignore); err == nil {
		t.Error("noise was restored")
	}
	for folder, want := range map[string]int{good: 2, bad: 0} {
		if left, err := os.ReadDir(folder); err != nil || len(left) != want {
			t.Errorf("%d files left instead of %d: %v, %v", len(left), want, left, err)
		}
	}
}

// TestRestoreRefusesWhatIsLeft checks that nothing is restored into a folder
// that contains any file of a database, because its log would be taken for that
// of the restored one.
func TestRestoreRefusesWhatIsLeft(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	backup := t.TempDir()
	ignore := func(string, int, int) {}
	if err := datafolder.Backup(t.Context(), s.Config.Data, "", backup, ignore); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nems.db", "nems.db-wal", "nems.db-shm", "nems.db-journal", "NEMS.DB-WAL", "directory.db", "directory.db-wal", "nonces.db", "nonces", "other.db-wal"} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := datafolder.Restore(t.Context(), backup, folder, ignore); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), name) {
			t.Errorf("beside %s: %v", name, err)
		}
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "audit.checkpoints"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := datafolder.Restore(t.Context(), backup, folder, ignore); err != nil {
		t.Errorf("beside the checkpoints: %v", err)
	}
}

package datafolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nems/internal/store/sqlite"
)

// ErrNotEmbedded: the database is PostgreSQL's, which has tools of its own for
// backups (pg_basebackup, pg_dump).
var ErrNotEmbedded = errors.New("this works on the embedded database; back PostgreSQL up with its own tools (pg_basebackup, pg_dump)")

// The files of a data folder that a backup holds. The directory may be missing.
// Used MESH tokens are not among them: they are good for two hours.
const (
	eventsFile    = "nems.db"
	DirectoryFile = "directory.db"
)

// Backup copies the databases of a data folder to a folder, made if it is
// missing. The service may be running. progress is told of a file's pages.
func Backup(ctx context.Context, folder, url, to string, progress func(file string, done, all int)) error {
	if IsPostgres(url) {
		return ErrNotEmbedded
	}
	path, err := Path(folder, url)
	if err != nil {
		return err
	}
	return copyFiles(ctx, path, folder, to, progress)
}

// Restore makes a data folder of a backup. It refuses a folder with any file of a
// database in it: the log of another one would be taken for the restored one's.
func Restore(ctx context.Context, from, data string, progress func(file string, done, all int)) error {
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if isDatabaseFile(e.Name()) {
			return fmt.Errorf("%s: %w; restore into a folder without databases, or what is left of some", filepath.Join(data, e.Name()), os.ErrExist)
		}
	}
	return copyFiles(ctx, filepath.Join(from, eventsFile), from, data, progress)
}

// Discard removes what Restore has just made: nothing else of a database was in the
// folder.
func Discard(data string) error {
	var failed error
	for _, name := range []string{eventsFile, DirectoryFile} {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			if err := os.Remove(filepath.Join(data, name+suffix)); !errors.Is(err, fs.ErrNotExist) {
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// isDatabaseFile tells databases, their logs, journals and locks, and used MESH
// tokens by their names.
func isDatabaseFile(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, ".db") || strings.HasPrefix(name, "nonces")
}

// copyFiles copies both databases to a folder, or leaves there what was there.
func copyFiles(ctx context.Context, events, folder, to string, progress func(file string, done, all int)) (err error) {
	if _, err := os.Stat(events); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	var made []string
	defer func() {
		if err == nil {
			return
		}
		for _, path := range made {
			_ = os.Remove(path)
		}
	}()
	for _, f := range []struct{ from, name string }{{filepath.Join(folder, DirectoryFile), DirectoryFile}, {events, eventsFile}} {
		target := filepath.Join(to, f.name)
		err := sqlite.Backup(ctx, f.from, target, func(done, all int) { progress(f.name, done, all) })
		if errors.Is(err, fs.ErrNotExist) && f.name == DirectoryFile {
			continue // nothing was imported
		}
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: a backup is never overwritten; take another folder", err)
		}
		if err != nil {
			return err
		}
		made = append(made, target)
	}
	return nil
}

// Check reads the database of events from end to end, see sqlite.Check.
func Check(ctx context.Context, folder, url string, progress func(file string, done, all int)) (sqlite.Health, error) {
	if IsPostgres(url) {
		return sqlite.Health{}, ErrNotEmbedded
	}
	path, err := Path(folder, url)
	if err != nil {
		return sqlite.Health{}, err
	}
	return sqlite.Check(ctx, path, func(done, all int) { progress(eventsFile, done, all) })
}
